import { expect, test } from 'vitest'
import { blamed } from './blame'

const told = (message: string, ...names: string[]) => {
  const { at, rest } = blamed(message, names)
  return { at: Object.fromEntries(at), rest }
}

test('a problem is told at the setting that it names', () => {
  const message = 'llm.temperature in the changed myna.toml (line 3): must be less than or equal to 2, not 9.'
  expect(told(message, 'llm.top_p', 'llm.temperature')).toEqual({
    at: { 'llm.temperature': 'must be less than or equal to 2, not 9.' },
    rest: [],
  })
})

test('several problems are told apart', () => {
  const message =
    '3 settings cannot be used:\n  - llm.temperature in the changed myna.toml (line 3): must be less.' +
    '\n  - asr.language in the changed myna.toml: must be auto.\n  - The section [x] is empty.\n'
  expect(told(message, 'asr.language', 'llm.temperature')).toEqual({
    at: { 'llm.temperature': 'must be less.', 'asr.language': 'must be auto.' },
    rest: ['The section [x] is empty.'],
  })
})

test('of several names the first is the one', () => {
  const message = 'session.default_emotion in the changed myna.toml: must be one of session.allowed_emotions.'
  const { at } = told(message, 'session.allowed_emotions', 'session.default_emotion')
  expect(Object.keys(at)).toEqual(['session.default_emotion'])
})

test('a name that is a part of another one is not meant', () => {
  expect(told('server.certificate_key needs server.https.', 'server.certificate').rest).toHaveLength(1)
  expect(told('x.server.port is taken.', 'server.port').rest).toHaveLength(1)
  expect(told('There is no plain place for llm.top_p in /x/myna.toml.', 'llm.top_p').rest).toEqual([])
})

test('what names nothing that was sent is told by itself', () => {
  expect(told('Another process is changing the file.', 'llm.top_p')).toEqual({ at: {}, rest: ['Another process is changing the file.'] })
})
