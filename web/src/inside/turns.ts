import { get } from '../api/rest'
import type { Outcome } from '../realtime/events'
import { MOST_TURNS, type Turn, type Where } from '../talk/timings.svelte'

/** The figures of the plot. */
export const FIGURES = ['first_token', 'first_audio'] as const
export type Figure = (typeof FIGURES)[number]

/** A turn that is much slower than most would press all others to the ground: from so many medians on it is cut off. */
const HIGHEST_MEDIANS = 3

interface Went {
  conversation: Where
  turn: { id: string; outcome: Outcome; began_at: string; reached_ms: Record<string, number> }
}

/** The last turns that the server has kept, oldest first. @throws {Refused} */
export async function keptTurns(): Promise<Turn[]> {
  const { turns } = await get<{ turns: Went[] }>(`api/turns?limit=${MOST_TURNS}`)
  return turns.toReversed().map(({ conversation, turn }) => ({
    id: turn.id,
    conversation: { id: conversation.id, persona: conversation.persona },
    began_at: turn.began_at,
    outcome: turn.outcome,
    stages: turn.reached_ms,
  }))
}

/** The last turns of both: what this page has seen itself is newer. Greetings are no answers, and left out. */
export function merged(kept: readonly Turn[], live: readonly Turn[]): Turn[] {
  const seen = new Map(live.map((turn) => [turn.id, turn]))
  const known = new Set(kept.map(({ id }) => id))
  const all = [...kept.map((turn) => seen.get(turn.id) ?? turn), ...live.filter(({ id }) => !known.has(id))]
  return all.filter(answers).slice(-MOST_TURNS)
}

function answers({ stages, outcome }: Turn): boolean {
  return stages['first_token'] !== undefined || stages['heard'] !== undefined || outcome === 'failed'
}

/** A figure of each turn that has it. */
export function figures(turns: readonly Turn[], figure: Figure): number[] {
  return turns.flatMap(({ stages }) => stages[figure] ?? [])
}

export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  if (upper === undefined) return null
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** How high the plot reaches, in milliseconds. */
export function height(turns: readonly Turn[]): number {
  const all = FIGURES.map((figure) => figures(turns, figure))
  const usual = Math.max(...all.map((values) => median(values) ?? 0))
  return Math.max(1, Math.min(Math.max(0, ...all.flat()), usual * HIGHEST_MEDIANS))
}
