/** The stages of a turn up to its first sound, as docs/realtime.md has them. */
export const STAGES = ['sure', 'heard', 'recalled', 'first_token', 'first_segment', 'first_audio', 'first_played'] as const
export type Stage = (typeof STAGES)[number]

/** From when to when a stage was worked on, in milliseconds since the user ended. */
export interface Stretch {
  stage: Stage
  begin_ms: number
  end_ms: number
}

/** What a stage waits for: the first of these that there was; else it begins when the user ends. */
const BEHIND: Record<Stage, readonly Stage[]> = {
  sure: [],
  heard: [],
  recalled: ['heard'],
  first_token: ['recalled', 'heard'],
  first_segment: ['first_token'],
  first_audio: ['first_segment'],
  first_played: ['first_audio'],
}

/** The stretches of a turn, in the order of its stages; of those that it has not reached there is none. */
export function stretches(reached: Readonly<Record<string, number>>): Stretch[] {
  return STAGES.flatMap((stage) => {
    const end_ms = reached[stage]
    if (end_ms === undefined) return []
    const before = BEHIND[stage].find((one) => reached[one] !== undefined)
    const begin_ms = before === undefined ? 0 : (reached[before] ?? 0)
    return [{ stage, begin_ms: Math.max(0, Math.min(begin_ms, end_ms)), end_ms: Math.max(0, end_ms) }]
  })
}

/** Round values from 0 up to `top`, at most `most` steps apart: 1, 2 or 5 times a power of ten. */
export function ticks(top: number, most = 5): number[] {
  if (!(top > 0)) return [0]
  const least = top / most
  const power = 10 ** Math.floor(Math.log10(least))
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= least * (1 - 1e-9)) ?? 10 * power
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, place) => place * step)
}
