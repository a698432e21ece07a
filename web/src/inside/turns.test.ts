import { afterEach, expect, test, vi } from 'vitest'
import { MOST_TURNS, type Turn } from '../talk/timings.svelte'
import { figures, height, keptTurns, median, merged } from './turns'

const CAT = { id: 'conv_cat', persona: 'assistant' }

function turn(id: string, stages: Record<string, number>, outcome: Turn['outcome'] = 'completed'): Turn {
  return { id, conversation: CAT, began_at: '2026-11-22T10:00:00Z', outcome, stages }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

test('what the server has kept comes oldest first, with where it was', async () => {
  const one = { id: 'turn_b', outcome: 'completed', began_at: '2026-11-22T10:01:00Z', reached_ms: { first_token: 300 }, problems: [] }
  const other = { ...one, id: 'turn_a', outcome: 'failed', reached_ms: {} }
  const turns = [one, other].map((each) => ({ conversation: { ...CAT, title: '' }, turn: each }))
  const asked = vi.fn(() => Promise.resolve(new Response(JSON.stringify({ turns }))))
  vi.stubGlobal('fetch', asked)
  vi.stubGlobal('localStorage', { getItem: () => null })
  const kept = await keptTurns()
  expect(kept.map(({ id, conversation, outcome }) => [id, conversation, outcome])).toEqual([
    ['turn_a', CAT, 'failed'],
    ['turn_b', CAT, 'completed'],
  ])
  expect(kept[1]?.stages).toEqual({ first_token: 300 })
  expect(asked).toHaveBeenCalledWith('api/turns?limit=50', expect.anything())
})

test('a turn that is kept and was seen is there once, as it was seen, and what is new stands last', () => {
  const kept = [turn('a', { first_token: 100 }), turn('b', { first_token: 200 })]
  const live = [turn('b', { first_token: 200, first_played: 900 }), turn('c', { heard: 300 }, null)]
  const all = merged(kept, live)
  expect(all.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  expect(all[1]?.stages['first_played']).toBe(900)
})

test('greetings are left out, and what failed is not', () => {
  const greeting = turn('g', { first_segment: 0, first_audio: 300, turn: 2000 })
  expect(merged([greeting, turn('f', {}, 'failed')], [turn('h', { first_audio: 200 }, null)]).map(({ id }) => id)).toEqual(['f'])
})

test('there are no more than the last ones', () => {
  const many = Array.from({ length: MOST_TURNS + 5 }, (_, place) => turn(`t${place}`, { first_token: place }))
  const shown = merged(many, [turn('new', { first_token: 1 })])
  expect(shown).toHaveLength(MOST_TURNS)
  expect([shown[0]?.id, shown.at(-1)?.id]).toEqual(['t6', 'new'])
})

test('a median is the middle one, or between the middle two; of nothing there is none', () => {
  expect([median([]), median([3]), median([9, 1, 2]), median([4, 1, 3, 2])]).toEqual([null, 3, 2, 2.5])
})

test('a figure is of those turns that have it', () => {
  const turns = [turn('a', { first_token: 100 }), turn('b', { first_token: 200, first_audio: 700 })]
  expect([figures(turns, 'first_token'), figures(turns, 'first_audio')]).toEqual([[100, 200], [700]])
})

test('the plot reaches to the slowest turn, but one that is far off is cut', () => {
  const usual = [100, 120, 140].map((first_token, place) => turn(`t${place}`, { first_token, first_audio: first_token * 4 }))
  expect(height(usual)).toBe(560)
  expect(height([...usual, turn('slow', { first_token: 9000, first_audio: 20000 })])).toBe(3 * 520)
  expect(height([])).toBe(1)
})
