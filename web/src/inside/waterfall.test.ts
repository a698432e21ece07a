import { expect, test } from 'vitest'
import { stretches, ticks } from './waterfall'

test('each stage lasts from what it waits for to when it is reached, and they overlap', () => {
  const reached = {
    heard: 320,
    recalled: 345,
    first_token: 480,
    first_segment: 590,
    sure: 800,
    first_audio: 812,
    first_played: 930,
    reply: 1500,
    turn: 5200,
  }
  expect(stretches(reached)).toEqual([
    { stage: 'sure', begin_ms: 0, end_ms: 800 },
    { stage: 'heard', begin_ms: 0, end_ms: 320 },
    { stage: 'recalled', begin_ms: 320, end_ms: 345 },
    { stage: 'first_token', begin_ms: 345, end_ms: 480 },
    { stage: 'first_segment', begin_ms: 480, end_ms: 590 },
    { stage: 'first_audio', begin_ms: 590, end_ms: 812 },
    { stage: 'first_played', begin_ms: 812, end_ms: 930 },
  ])
})

test('what was typed begins with what is remembered, or with the first word', () => {
  expect(stretches({ recalled: 20, first_token: 300, first_segment: 420 }).map(({ begin_ms }) => begin_ms)).toEqual([0, 20, 300])
  expect(stretches({ first_token: 300 })).toEqual([{ stage: 'first_token', begin_ms: 0, end_ms: 300 }])
})

test('without a memory the first word waits for the text', () => {
  expect(stretches({ heard: 500, first_token: 900 })[1]).toEqual({ stage: 'first_token', begin_ms: 500, end_ms: 900 })
})

test('of stages that were not reached there is nothing', () => {
  expect(stretches({})).toEqual([])
  expect(stretches({ heard: 300, sure: 700 }).map(({ stage }) => stage)).toEqual(['sure', 'heard'])
})

test('no stretch ends before it begins, and none begins before the user ended', () => {
  expect(stretches({ recalled: 900, first_token: 850 })[1]).toEqual({ stage: 'first_token', begin_ms: 850, end_ms: 850 })
  expect(stretches({ first_token: -3 })).toEqual([{ stage: 'first_token', begin_ms: 0, end_ms: 0 }])
})

test('ticks are round, begin with 0, and end within', () => {
  expect(ticks(930)).toEqual([0, 200, 400, 600, 800])
  expect(ticks(1000)).toEqual([0, 200, 400, 600, 800, 1000])
  expect(ticks(4700)).toEqual([0, 1000, 2000, 3000, 4000])
  expect(ticks(23)).toEqual([0, 5, 10, 15, 20])
  expect(ticks(0)).toEqual([0])
})
