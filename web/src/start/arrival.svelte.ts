import { Refused } from '../api/rest'
import { why } from '../lists/why'
import { beginPull, fetchCatalog, fetchPull, type Catalog, type Pull } from '../models/catalog'
import { fetchHealth, type EngineState, type Health } from '../models/health'
import { repeat } from '../models/repeat'
import { follow } from '../models/server_events'
import { lacksWeights, overall, standings } from './parts'

/** What it asks of the server. */
export interface Door {
  health: () => Promise<Health>
  pull: () => Promise<Pull>
  events: (until: AbortSignal) => AsyncIterable<Pull>
  catalog: () => Promise<Catalog>
  begin: (names: string[]) => Promise<Pull>
}

const SERVER: Door = {
  health: fetchHealth,
  pull: fetchPull,
  events: (until) => follow<Pull>('api/models/pull/events', until),
  catalog: fetchCatalog,
  begin: beginPull,
}

/** As the server fetches them at its first start. */
const ORDER = ['llm', 'embed', 'vad', 'turn', 'asr', 'tts']
const EVERY_MS = 2000
/** With these it says that this user can pull nothing here, now or later. */
const SHUT = new Set(['owner_only', 'settings_unknown'])
/** Where nothing is on its way, so many rounds pass between two looks. */
const IDLE_ROUNDS = 5

/** The engines of a server that was just started, as their weights arrive and they are loaded. */
export class Arrival {
  engines = $state.raw<Record<string, EngineState>>({})
  /** What brings them; null for who may not see that, or while nothing is pulled. */
  pull = $state.raw<Pull | null>(null)
  /** Why the last try to fetch what failed could not begin. */
  problem = $state('')
  /** Whether the server was there the last time that it was asked. */
  there = $state(false)
  isOwner = $state(true)
  readonly #door: Door
  #fetched = $state.raw<Record<string, number>>({})
  #rounds = 0
  #follows = false
  readonly #over = new AbortController()
  readonly parts = $derived(standings(this.engines, this.#fetched))
  readonly overall = $derived(overall(this.parts))
  readonly #states = $derived(Object.values(this.engines))
  /** Something is fetched or loaded. */
  readonly comes = $derived(this.#states.some(({ status }) => status === 'fetching' || status === 'loading'))
  readonly fetches = $derived(this.#states.some(({ status }) => status === 'fetching'))
  readonly ready = $derived(this.#states.length > 0 && this.#states.every(({ status }) => status === 'ready'))
  /** Nobody can be talked to yet, since there is no language model. */
  readonly waits = $derived(this.there && this.engines['llm'] !== undefined && this.engines['llm'].status !== 'ready')
  readonly canRetry = $derived(this.isOwner && this.#states.some(lacksWeights))

  constructor(door: Door = SERVER) {
    this.#door = door
  }

  /** Look until all engines are up, and while the line is lost, every two seconds at most; gives what ends that. */
  watch(isLost: () => boolean = () => false): () => void {
    const rounds = repeat(async () => {
      if (this.ready && this.there && !isLost()) {
        this.#rounds = 0
        return
      }
      if (this.#rounds++ % IDLE_ROUNDS && this.there && !this.comes) return
      await this.look()
    }, EVERY_MS)
    return () => {
      rounds.end()
      this.#over.abort()
    }
  }

  /** Look once at how things stand. */
  async look(): Promise<void> {
    try {
      const { engines } = await this.#door.health()
      for (const [kind, { status, size }] of Object.entries(engines)) {
        if (status === 'fetching' && size) this.#fetched = { ...this.#fetched, [kind]: size }
      }
      ;[this.engines, this.there] = [engines, true]
    } catch {
      this.there = false
      return
    }
    if (!this.fetches || !this.isOwner) this.pull = null
    else if (!this.#follows) void this.#follow()
  }

  /** Fetch what failed for want of weights once more: engine by engine, so that one that cannot be had stops no other. */
  async retry(): Promise<void> {
    this.problem = ''
    try {
      const { models } = await this.#door.catalog()
      for (const kind of ORDER.filter((kind) => lacksWeights(this.engines[kind]))) {
        const used = models.filter(({ used_by }) => used_by.includes(kind))
        const missing = used.filter(({ here }) => !here)
        const wanted = missing.length ? missing : used // what is here may be damaged
        if (wanted.length) await this.#door.begin(wanted.map(({ name }) => name))
      }
      await this.look()
    } catch (error) {
      this.#refused(error)
      this.problem = why(error)
    }
  }

  /** See what the pull does until it ends, or the line does: then the next look begins anew. */
  async #follow(): Promise<void> {
    this.#follows = true
    try {
      this.#told(await this.#door.pull())
      if (this.pull) for await (const pull of this.#door.events(this.#over.signal)) this.#told(pull)
    } catch (error) {
      this.#refused(error)
    } finally {
      this.pull = null
      this.#follows = false
    }
  }

  #refused(error: unknown): void {
    if (error instanceof Refused && SHUT.has(error.code)) this.isOwner = false
  }

  #told(pull: Pull): void {
    this.pull = pull.state === 'running' ? pull : null
  }
}
