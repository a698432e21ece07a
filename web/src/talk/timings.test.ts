import { expect, test } from 'vitest'
import type { ServerEvent } from '../realtime/events'
import { Timings } from './timings.svelte'

const CAT = { id: 'conv_cat', persona: 'assistant' }

function timed(response_id: string | null, stage: string, at_ms: number): ServerEvent {
  return { type: 'myna.timing', response_id, item_id: 'msg_a', stage, at_ms }
}

test('a turn has the name that the server keeps it by, its stages, and in the end its outcome', () => {
  const timings = new Timings(() => CAT)
  timings.feed(timed('resp_a1', 'heard', 300))
  timings.feed(timed('resp_a1', 'first_token', 500))
  expect(timings.turns.map(({ id, conversation, outcome, stages }) => ({ id, conversation, outcome, stages }))).toEqual([
    { id: 'turn_a1', conversation: CAT, outcome: null, stages: { heard: 300, first_token: 500 } },
  ])
  timings.feed({ type: 'myna.turn.ended', response_id: 'resp_a1', item_id: null, outcome: 'interrupted', heard: 'Hi' })
  expect(timings.turns[0]?.outcome).toBe('interrupted')
})

test('what is answered in another turn, and what was not timed, is none', () => {
  const timings = new Timings(() => CAT)
  timings.feed(timed(null, 'heard', 300))
  timings.feed({ type: 'myna.turn.ended', response_id: 'resp_b', item_id: null, outcome: 'completed', heard: null })
  expect(timings.turns).toEqual([])
})

test('fifty are known', () => {
  const timings = new Timings(() => CAT)
  for (let place = 0; place < 60; place++) timings.feed(timed(`resp_${place}`, 'heard', place))
  expect([timings.turns.length, timings.turns[0]?.id]).toEqual([50, 'turn_10'])
})
