import { expect, it } from 'vitest'
import { OPEN_MS, SHUT_MS, untilBlink } from './blinking'

it('blinks within seven seconds, never sooner than a blink lasts', () => {
  for (const at of [0, 0.05, 0.12, 0.5, 0.999]) {
    expect(untilBlink(at)).toBeGreaterThan(Math.max(SHUT_MS, OPEN_MS))
    expect(untilBlink(at)).toBeLessThan(7000)
  }
})
