import { expect, test } from 'vitest'
import type { EngineState } from '../models/health'
import { lacksWeights, origin, overall, standings } from './parts'

const state = (status: string, more: Partial<EngineState> = {}): EngineState => ({ engine: 'x', status, ...more })

test('what hears is one thing to a user, and as far as the least of it', () => {
  const engines = { vad: state('ready'), turn: state('loading'), asr: state('fetching', { done: 10, size: 100 }) }
  expect(standings(engines, { vad: 5, turn: 20, asr: 100 })).toEqual([
    { part: 'hear', status: 'fetching', done: 35, size: 125, problem: '' },
  ])
})

test('what was here before counts for nothing, and what is here by now for all of it', () => {
  const parts = standings({ llm: state('ready'), tts: state('ready') }, { tts: 90 })
  expect(parts.map(({ done, size }) => [done, size])).toEqual([[0, 0], [90, 90]])
  expect(overall(parts)).toEqual({ done: 90, size: 90 })
  expect(overall(standings({ llm: state('ready') }, {}))).toBe(null)
})

test('a size that a hub has not told yet leaves all unknown', () => {
  const parts = standings({ llm: state('fetching', { done: 0, size: null }), tts: state('fetching', { done: 1, size: 2 }) }, {})
  expect(parts[0]?.size).toBe(null)
  expect(overall(parts)).toBe(null)
})

test('a part that failed says why, as far as this user is told', () => {
  expect(standings({ tts: state('failed', { code: 'weights_missing', problem: 'No network.' }) }, {})[0]?.problem).toBe('No network.')
  expect(standings({ tts: state('failed', { code: 'weights_missing' }) }, {})[0]?.problem).toBe('weights_missing')
})

test.each([
  ['weights_missing', true],
  ['weights_damaged', true],
  ['no_room', true],
  ['engine_unavailable', false],
])('whether trying again can help after %s: %s', (code, can) => {
  expect(lacksWeights(state('failed', { code }))).toBe(can)
  expect(lacksWeights(state('ready'))).toBe(false)
})

test('where a model comes from is read from what the server says', () => {
  expect(origin('kokoro-v1.0 from Hugging Face: onnx/model.onnx')).toEqual({ model: 'kokoro-v1.0', source: 'Hugging Face' })
  expect(origin('checking what is here of kokoro-v1.0')).toBe(null)
  expect(origin('')).toBe(null)
})
