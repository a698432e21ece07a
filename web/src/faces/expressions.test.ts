import { describe, expect, it } from 'vitest'
import { EMOTIONS, expression, gape, type FaceState } from './expressions'

const STATES: FaceState[] = ['idle', 'listening', 'thinking', 'speaking']

describe('an expression', () => {
  it.each(EMOTIONS)('of %s shows its state without losing the emotion', (emotion) => {
    const idle = expression(emotion, 'idle')
    const seen = new Set(STATES.map((state) => JSON.stringify(expression(emotion, state))))
    expect(seen.size).toBe(STATES.length)
    for (const state of STATES) expect(expression(emotion, state).lips).toEqual(idle.lips)
  })

  it('keeps a wink shut while it listens', () => {
    expect(expression('coquettish', 'listening').eyes.right).toEqual(expression('coquettish', 'idle').eyes.right)
  })

  it('holds what is heard to 0..1', () => {
    const { lips } = expression('calm', 'speaking')
    expect([gape(lips, -3), gape(lips, 7), gape(lips, Number.NaN)]).toEqual([0, 1, 0])
  })
})
