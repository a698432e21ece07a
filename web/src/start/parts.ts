import type { EngineState } from '../models/health'

/** What a user knows of the engines. */
export type Part = 'think' | 'hear' | 'speak' | 'recall'

const KINDS: Record<Part, readonly string[]> = { think: ['llm'], hear: ['vad', 'turn', 'asr'], speak: ['tts'], recall: ['embed'] }
const PARTS = Object.keys(KINDS) as Part[]

export interface Standing {
  part: Part
  status: 'ready' | 'loading' | 'fetching' | 'failed'
  done: number
  /** In bytes; null while nobody has told it. */
  size: number | null
  /** Why it failed, as far as the server tells this user. */
  problem: string
}

/** Weights that did not come, or are damaged, may come at the next try. */
const OF_WEIGHTS = new Set(['weights', 'weights_missing', 'weights_damaged', 'no_room'])

export function lacksWeights(state: EngineState | undefined): boolean {
  return state?.status === 'failed' && OF_WEIGHTS.has(state.code ?? '')
}

/** Where each part stands. `fetched`: how many bytes were fetched for the kinds that were seen to be, so that what is done counts. */
export function standings(engines: Record<string, EngineState>, fetched: Record<string, number>): Standing[] {
  return PARTS.flatMap((part) => {
    const kinds = KINDS[part].filter((kind) => engines[kind])
    const states = kinds.map((kind) => engines[kind]).filter((state) => state !== undefined)
    if (!states.length) return []
    const status = (['failed', 'fetching', 'loading'] as const).find((one) => states.some((state) => state.status === one)) ?? 'ready'
    const sizes = kinds.map((kind) => (engines[kind]?.status === 'fetching' ? engines[kind].size ?? null : fetched[kind] ?? 0))
    const done = kinds.map((kind) => (engines[kind]?.status === 'fetching' ? engines[kind].done ?? 0 : isHere(engines[kind]) ? fetched[kind] ?? 0 : 0))
    const failed = states.find((state) => state.status === 'failed')
    const problem = failed?.problem ?? failed?.code ?? ''
    return [{ part, status, done: sum(done), size: sizes.includes(null) ? null : sum(sizes), problem }]
  })
}

/** How far all of them are; null while the size of some is not known, or nothing is fetched. */
export function overall(parts: readonly Standing[]): { done: number; size: number } | null {
  const sizes = parts.map(({ size }) => size)
  const size = sum(sizes)
  return sizes.includes(null) || !size ? null : { done: sum(parts.map(({ done }) => done)), size }
}

/** Which model comes, and from where, of what the server says of a pull. */
export function origin(doing: string): { model: string; source: string } | null {
  const [, model, source] = /^(\S+) from ([^:]+): /.exec(doing) ?? []
  return model && source ? { model, source } : null
}

function isHere(state: EngineState | undefined): boolean {
  return state?.status === 'loading' || state?.status === 'ready'
}

function sum(numbers: readonly (number | null)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0)
}
