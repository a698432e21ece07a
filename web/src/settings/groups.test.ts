import { expect, test } from 'vitest'
import { grouped, inWords, isUsual, matching, sectionOf } from './groups'

const named = (...names: string[]) => names.map((name) => ({ name }))

test('settings stand in their sections, in the order in which they came', () => {
  const groups = grouped(named('device', 'llm.top_p', 'asr.language', 'llm.top_k', 'mcp.files.url'))
  expect(groups.map(({ section, rows }) => [section, rows.map(({ name }) => name)])).toEqual([
    ['general', ['device']],
    ['llm', ['llm.top_p', 'llm.top_k']],
    ['asr', ['asr.language']],
    ['mcp.files', ['mcp.files.url']],
  ])
  expect(sectionOf('device')).toBe('general')
})

test('every word that is searched for is found in the name or in what is said of it', () => {
  const settings = named('llm.temperature', 'server.port', 'server.host')
  const about = ({ name }: { name: string }) => (name === 'server.port' ? '监听端口 The port to listen on' : '')
  const found = (text: string) => matching(settings, text, about).map(({ name }) => name)
  expect(found('TEMP')).toEqual(['llm.temperature'])
  expect(found('server  listen')).toEqual(['server.port'])
  expect(found('端口')).toEqual(['server.port'])
  expect(found('')).toHaveLength(3)
  expect(found('server nothing')).toEqual([])
})

test('names become words, and their ends units', () => {
  expect(inWords('session.hear_timeout_s')).toEqual({ title: 'Hear timeout', unit: 's' })
  expect(inWords('turn_taking.end_silence_ms')).toEqual({ title: 'End silence', unit: 'ms' })
  expect(inWords('server.https')).toEqual({ title: 'HTTPS', unit: '' })
  expect(inWords('openai.api_key')).toEqual({ title: 'API key', unit: '' })
  expect(inWords('s')).toEqual({ title: 'S', unit: '' })
})

test('the usual ones are told from the rest', () => {
  expect(isUsual('llm.temperature')).toBe(true)
  expect(isUsual('kokoro.threads')).toBe(false)
  expect(isUsual('toString')).toBe(false)
})
