/** When eyes blink. */

/** Milliseconds until the next blink, from a number `at` in 0..1: two to seven seconds, now and then twice in a row. */
export function untilBlink(at: number): number {
  return at < 0.12 ? 180 : 2000 + at * 5000
}

export const SHUT_MS = 80
export const OPEN_MS = 140
