import { Refused } from '../api/rest'
import { why } from '../lists/why'
import { beginPull, cancelPull, fetchCatalog, fetchPull, type Catalog, type Pull } from './catalog'
import { follow } from './server_events'

/** What it asks of the server. */
export interface Door {
  catalog: () => Promise<Catalog>
  pull: () => Promise<Pull>
  begin: (names: string[]) => Promise<Pull>
  cancel: () => Promise<Pull>
  events: (until: AbortSignal) => AsyncIterable<Pull>
}

const SERVER: Door = {
  catalog: fetchCatalog,
  pull: fetchPull,
  begin: beginPull,
  cancel: cancelPull,
  events: (until) => follow<Pull>('api/models/pull/events', until),
}

/** The models of the server, and the pull that runs, whoever has begun it. */
export class Pulling {
  catalog = $state.raw<Catalog | null>(null)
  pull = $state.raw<Pull | null>(null)
  state = $state<'loading' | 'ready' | 'owner' | 'unknown' | 'failed'>('loading')
  problem = $state('')
  /** Whether the server has not answered the last time that it was asked. */
  lost = $state(false)
  /** Whether the pull that ended did so before the user's eyes. */
  seen = $state(false)
  readonly #door: Door
  /** How often a pull was begun or cancelled: what was asked for before tells nothing any more. */
  #changes = 0

  constructor(door: Door = SERVER) {
    this.#door = door
  }

  /** Look at how things stand, and follow the pull that runs to its end. */
  async look(until: AbortSignal): Promise<void> {
    try {
      const changes = this.#changes
      const pull = await this.#door.pull()
      if (changes === this.#changes) await this.#told(pull)
      this.catalog ??= await this.#door.catalog()
      if (this.state !== 'ready') this.problem = '' // which kept it from being so
      ;[this.state, this.lost] = ['ready', false]
    } catch (error) {
      this.#failed(error)
      return
    }
    if (this.pull?.state !== 'running') return
    for await (const pull of this.#door.events(until)) {
      if (until.aborted) return
      await this.#told(pull)
    }
  }

  async begin(names: string[]): Promise<void> {
    await this.#attempt(() => this.#door.begin(names))
  }

  async cancel(): Promise<void> {
    await this.#attempt(() => this.#door.cancel())
  }

  async #attempt(work: () => Promise<Pull>): Promise<void> {
    this.problem = ''
    try {
      const pull = await work()
      this.#changes++
      await this.#told(pull)
    } catch (error) {
      this.problem = why(error)
    }
  }

  /** A model that has come is here: the catalog is asked anew. */
  async #told(pull: Pull): Promise<void> {
    const before = this.pull
    this.pull = pull
    if (pull.state === 'running') this.seen = true
    const come = (of: Pull | null): number => of?.models.filter(({ here }) => here).length ?? 0
    if (before && (before.state !== pull.state || come(before) !== come(pull))) {
      this.catalog = await this.#door.catalog().catch(() => this.catalog)
    }
  }

  #failed(error: unknown): void {
    const code = error instanceof Refused ? error.code : ''
    if (code === 'owner_only') this.state = 'owner'
    else if (code === 'settings_unknown') this.state = 'unknown'
    else if (this.state === 'ready') this.lost = true
    else [this.state, this.problem] = ['failed', why(error)]
  }
}
