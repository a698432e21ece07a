import { SvelteMap } from 'svelte/reactivity'
import { Refused } from '../api/rest'
import { why } from '../lists/why'
import { blamed } from './blame'
import { fieldOf, type Field, type Json, type Schema } from './schema'
import { change, fetchSchema, fetchSettings, type Setting, type SettingList } from './server'
import { read, written, type Wrong } from './values'

/** A setting, and how it is changed. */
export interface Row extends Setting {
  field: Field
}

/** What the draft asks of the server. */
export interface Door {
  settings: () => Promise<SettingList>
  schema: () => Promise<Schema>
  change: (changes: Record<string, Json>) => Promise<unknown>
}

const SERVER: Door = { settings: fetchSettings, schema: fetchSchema, change }

/** Of a hint that is meant for who sits at the server's machine. */
const AT_THE_MACHINE = 'myna config schema'

/**
 * The server's settings, and what was changed of them and is not saved yet.
 *
 * There is one for as long as the page is open, so going to another part of the app loses nothing.
 */
export class Draft {
  rows = $state.raw<Row[]>([])
  file = $state('')
  /** Whether something that was saved waits for a restart. */
  restart = $state(false)
  /** Why Myna would not start again. */
  broken = $state<string | null>(null)
  state = $state<'loading' | 'ready' | 'owner' | 'unknown' | 'failed'>('loading')
  saving = $state(false)
  /** What went wrong, and belongs to no setting. */
  problem = $state('')
  /** How many were saved last, until something else is done. */
  saved = $state(0)
  /** What is written in the fields, by name; null goes back to the usual value. */
  readonly edits = new SvelteMap<string, string | null>()
  /** What the server found wrong, by name. */
  readonly refused = new SvelteMap<string, string>()
  readonly #door: Door

  constructor(door: Door = SERVER) {
    this.#door = door
  }

  /** Ask the server how they stand. What was changed here stays, as far as it still is a change. */
  async load(): Promise<void> {
    try {
      const [list, schema] = await Promise.all([this.#door.settings(), this.#door.schema()])
      this.rows = list.settings.map((setting) => ({ ...setting, field: fieldOf(schema, setting.name, setting.secret) }))
      ;[this.file, this.restart, this.broken] = [list.file, list.restart, list.problem]
      for (const [name, text] of [...this.edits]) this.#put(name, text)
      ;[this.state, this.problem] = ['ready', '']
    } catch (error) {
      const code = error instanceof Refused ? error.code : ''
      if (code === 'owner_only') this.state = 'owner'
      else if (code === 'settings_unknown') this.state = 'unknown'
      else {
        if (this.state !== 'ready') this.state = 'failed'
        this.problem = why(error)
      }
    }
  }

  row(name: string): Row | undefined {
    return this.rows.find((row) => row.name === name)
  }

  /** What stands in the field of a setting. */
  text(row: Row): string {
    const edit = this.edits.get(row.name)
    if (edit === null) return written(row.field, row.field.usual ?? null)
    return edit ?? written(row.field, row.next)
  }

  /** What is wrong with what stands there, as far as the schema tells. */
  wrong(row: Row): Wrong | null {
    const edit = this.edits.get(row.name)
    if (edit === undefined || edit === null) return null
    const reading = read(row.field, edit)
    return 'wrong' in reading ? reading.wrong : null
  }

  /** Whether there is something to go back from. */
  canReset(row: Row): boolean {
    return row.fixed === null && row.written && this.edits.get(row.name) !== null
  }

  edit(name: string, text: string): void {
    this.#put(name, text)
  }

  /** Have the usual value again: it is taken out of the file. */
  reset(name: string): void {
    this.#put(name, null)
  }

  undo(name: string): void {
    this.edits.delete(name)
    this.refused.delete(name)
    this.#guard()
  }

  discard(): void {
    this.edits.clear()
    this.refused.clear()
    this.problem = ''
    this.#guard()
  }

  /** Save all changes, or none. Gives the first setting that something is wrong with. */
  async save(): Promise<string | null> {
    if (this.saving || !this.edits.size) return null
    ;[this.problem, this.saved] = ['', 0]
    const wrong = this.rows.find((row) => this.wrong(row) !== null)
    if (wrong) return wrong.name
    const sent = [...this.edits]
    const changes: Record<string, Json> = Object.fromEntries(sent.map(([name, text]) => [name, this.#value(name, text)]))
    this.saving = true
    this.refused.clear()
    try {
      await this.#door.change(changes)
    } catch (error) {
      return this.#blame(error, Object.keys(changes))
    } finally {
      this.saving = false
    }
    for (const [name, text] of sent) if (this.edits.get(name) === text) this.edits.delete(name) // but not what was typed meanwhile
    this.saved = sent.length
    this.#guard()
    await this.load()
    return null
  }

  #value(name: string, text: string | null): Json {
    const row = this.row(name)
    if (!row || text === null) return null
    const reading = read(row.field, text)
    return 'value' in reading ? reading.value : null
  }

  #put(name: string, text: string | null): void {
    const row = this.row(name)
    this.refused.delete(name)
    const same = row && (text === null ? !row.written : text === written(row.field, row.next))
    if (!row || row.fixed !== null || same) this.edits.delete(name)
    else this.edits.set(name, text)
    this.#guard()
  }

  #blame(error: unknown, names: string[]): string | null {
    if (!(error instanceof Refused) || error.status !== 422) {
      this.problem = why(error)
      return null
    }
    const { at, rest } = blamed(error.message, names)
    const hint = error.hint.includes(AT_THE_MACHINE) ? '' : error.hint
    const [only] = at.keys()
    if (at.size === 1 && only !== undefined && !rest.length) at.set(only, `${at.get(only) ?? ''} ${hint}`.trim())
    for (const [name, text] of at) this.refused.set(name, text)
    this.problem = rest.length ? `${rest.join(' ')} ${at.size ? '' : hint}`.trim() : ''
    return this.rows.find(({ name }) => at.has(name))?.name ?? null
  }

  /** The browser asks before a page is left that something would be lost with. */
  #guard(): void {
    if (this.edits.size) this.saved = 0
    if (typeof window === 'undefined') return
    if (this.edits.size) window.addEventListener('beforeunload', asks)
    else window.removeEventListener('beforeunload', asks)
  }
}

function asks(event: BeforeUnloadEvent): void {
  event.preventDefault()
}

/** That of this page. */
export const draft = new Draft()
