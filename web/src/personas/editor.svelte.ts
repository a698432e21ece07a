import { Refused, type Persona } from '../api/rest'
import { why } from '../lists/why'
import { begun, blank, changesOf, same, wrongIn, type Changes, type EmotionStyle, type Fields } from './fields'
import { keep, kept, type KeptDraft } from './unsaved'
import { changeFields, create, draft, givePicture, readFields, takePicture, type Editable } from './server'

/** How long nothing is written until the server is asked what it makes of it. */
export const REST_MS = 500
/** Stands for a name until there is one, so that all else can be seen and heard. */
const UNNAMED = '…'

/** A persona that is being written: what it was, what it is to be, and what the server makes of that. */
export class Editor {
  fields = $state<Fields>(blank('en'))
  /** As it is kept; null: it is a new one, or not there yet. */
  source = $state.raw<Editable | null>(null)
  state = $state<'loading' | 'ready' | 'saving' | 'failed'>('loading')
  /** Why the last thing that was asked for was not done. */
  problem = $state('')
  /** Somebody else has changed it since it was read. */
  conflict = $state(false)
  /** What was written before the page was left is here again. */
  restored = $state(false)
  /** As the server would have it now, by an id of its own; null as long as something is wrong. */
  preview = $state.raw<Persona | null>(null)
  /** What each of its emotions changes in its voice, as far as the server has told. */
  styles = $state.raw<Record<string, EmotionStyle>>({})
  /** The id that a new one would get. */
  suggested = $state('')
  /** The saving was asked for: whatever is wrong is told, also of fields that nobody has touched. */
  asked = $state(false)
  #wrong = $state.raw<Readonly<Record<string, string>>>({})
  #before = $state.raw<Fields>(blank('en'))
  #timer: ReturnType<typeof setTimeout> | undefined
  #asking = 0
  /** The problem is that the server cannot be reached. */
  #unreached = false

  /** @param id Whom to change; null begins a new one. */
  constructor(
    readonly id: string | null,
    readonly language: 'en' | 'zh',
  ) {}

  readonly changes = $derived.by<Changes>(() =>
    this.id === null ? begun(this.fields) : changesOf(this.#before, this.fields),
  )
  /** Whether something would be lost. */
  readonly dirty = $derived(!same(changesOf(this.#before, this.fields), {}))
  readonly editable = $derived.by(() => this.id === null || this.source?.editable === true)

  /** Read it; what was written and not saved before is there again. */
  async load(): Promise<void> {
    this.state = 'loading'
    try {
      this.#take(this.id === null ? null : await readFields(this.id))
      this.state = 'ready'
      this.#restore(kept(this.id))
    } catch (error) {
      this.problem = why(error)
      this.state = 'failed'
    }
  }

  /** What is wrong with a field, as far as it is the user's doing. */
  wrong(place: string): string {
    const field = place.split('.')[0] as keyof Fields
    const touched = this.asked || field in changesOf(this.#before, this.fields)
    return touched ? wrongIn(this.#wrong, place) : ''
  }

  /** How many fields are wrong. */
  get wrongs(): number {
    return Object.keys(this.#wrong).length
  }

  /** Something was written: call this from an effect. The server is asked when nothing more is for a moment. */
  written(): void {
    if (this.state === 'loading' || !this.editable) return
    this.#keep()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.check(), REST_MS)
  }

  /** Have the server check it, and give it an id to be tried by. @returns Null where something is wrong. */
  async check(): Promise<Persona | null> {
    clearTimeout(this.#timer)
    const asking = ++this.#asking
    const named = this.fields.name.trim() !== ''
    try {
      const made = await draft(named ? this.changes : { ...this.changes, name: UNNAMED }, this.id)
      if (asking !== this.#asking) return null // something else was written meanwhile
      ;[this.preview, this.styles, this.suggested] = [made.persona, made.styles, named ? made.id : '']
      if (this.#unreached) [this.#unreached, this.problem] = [false, '']
      this.#wrong = named ? {} : { name: 'Field required' }
      return made.persona
    } catch (error) {
      if (asking === this.#asking) this.#failed(error, false)
      return null
    }
  }

  /** Keep it. @returns Its id, or null where it was not kept; then `problem` says why. */
  async save(): Promise<string | null> {
    if (this.state !== 'ready') return null
    ;[this.asked, this.problem, this.conflict, this.state] = [true, '', false, 'saving']
    const { changes } = this
    const sent = JSON.parse(JSON.stringify(this.fields)) as Fields
    try {
      const stamp = this.source?.stamp ?? null
      const saved = this.id === null ? await create(changes) : await changeFields(this.id, changes, stamp)
      const later = changesOf(sent, this.fields)
      keep(this.id, null)
      this.#take(saved)
      Object.assign(this.fields, later)
      this.#keep()
      this.asked = this.restored = false
      return saved.id
    } catch (error) {
      this.#failed(error, true)
      return null
    } finally {
      this.state = 'ready'
    }
  }

  /** Go back to how it is kept. */
  discard(): void {
    this.fields = structuredClone(this.#before)
    ;[this.restored, this.asked, this.problem, this.conflict] = [false, false, '', false]
    this.#wrong = {}
    keep(this.id, null)
  }

  /** Read it again, as somebody else has left it, with what was written here on top. */
  async join(): Promise<void> {
    if (this.id === null) return
    try {
      const theirs = await readFields(this.id)
      const written = changesOf(this.#before, this.fields)
      this.#take(theirs)
      Object.assign(this.fields, written)
      ;[this.conflict, this.problem] = [false, '']
    } catch (error) {
      this.problem = why(error)
    }
  }

  /** Give it a picture, or take it away; that is kept at once. What else was written stays to be saved. */
  async picture(file: File | null): Promise<void> {
    if (!this.source || this.id === null) return
    this.problem = ''
    try {
      const { stamp } = this.source
      const pictured = file ? await givePicture(this.id, file, stamp) : await takePicture(this.id, stamp)
      const written = changesOf(this.#before, this.fields)
      this.#take(pictured)
      Object.assign(this.fields, written)
    } catch (error) {
      this.#failed(error, true)
    }
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#asking++
  }

  #take(source: Editable | null): void {
    this.source = source
    this.#before = source?.fields ?? blank(this.language)
    this.fields = structuredClone(this.#before)
  }

  /** A new one that has been kept goes by its id from then on. */
  #keep(): void {
    const changes = changesOf(this.#before, this.fields)
    keep(this.source?.id ?? this.id, same(changes, {}) ? null : { stamp: this.source?.stamp ?? null, changes })
  }

  #restore(before: KeptDraft | null): void {
    if (!before) return
    Object.assign(this.fields, before.changes)
    this.restored = this.dirty
    this.conflict = this.restored && this.source !== null && before.stamp !== this.source.stamp
  }

  #failed(error: unknown, told: boolean): void {
    this.#unreached = error instanceof Refused && error.status === 0
    if (this.#unreached) {
      this.problem = why(error)
      return
    }
    this.preview = null
    if (error instanceof Refused && error.code === 'bad_persona') {
      this.#wrong = error.fields
      return
    }
    this.#wrong = {}
    if (error instanceof Refused && error.status === 412) this.conflict = true
    else if (told) this.problem = why(error)
  }
}
