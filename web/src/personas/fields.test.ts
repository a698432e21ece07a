import { expect, test } from 'vitest'
import { begun, blank, changesOf, filled, meant, PLAIN_STYLE, same, wrongIn } from './fields'

test('what is the same is the same whatever the order of its keys', () => {
  expect(same({ a: 1, b: [{ c: 2 }] }, { b: [{ c: 2 }], a: 1 })).toBe(true)
  expect(same({ a: 1 }, { a: 1, b: undefined })).toBe(false)
  expect(same([1, 2], [2, 1])).toBe(false)
  expect(same([], {})).toBe(false)
  expect(same(null, {})).toBe(false)
})

test('only fields that are otherwise are sent, each the whole of it', () => {
  const before = { ...blank('en'), name: 'Mina' }
  const now = { ...structuredClone(before), greeting: 'Yip!', voice: { ...before.voice, speed: 1.2 } }
  expect(changesOf(before, now)).toEqual({ greeting: 'Yip!', voice: { voice: { af_heart: 1 }, speed: 1.2, pitch: 0 } })
  expect(changesOf(before, structuredClone(before))).toEqual({})
})

test('rows that nothing was written into are nothing', () => {
  const fields = blank('en')
  fields.greetings = ['', '  ', 'Hi']
  fields.examples = [{ user: '', assistant: ' ' }, { user: 'a', assistant: '' }]
  fields.tools = ['']
  fields.emotions = { default: null, allowed: ['', ' '], styles: { '': { ...PLAIN_STYLE, speed: 2 } }, aliases: { joy: '' } }
  const is = meant(fields)
  expect(is.greetings).toEqual(['Hi'])
  expect(is.examples, 'half an example is a mistake that is told').toEqual([{ user: 'a', assistant: '' }])
  expect([is.tools, is.emotions.allowed, is.emotions.styles, is.emotions.aliases]).toEqual([[], null, {}, {}])
  expect(changesOf(blank('en'), fields)).toEqual({ greetings: ['Hi'], examples: [{ user: 'a', assistant: '' }] })
})

test('a new persona is sent with what cannot be left out, and no id of ours', () => {
  const { voice } = blank('zh')
  expect(begun({ ...blank('zh'), name: '米娜' })).toEqual({ name: '米娜', language: 'zh', voice })
  expect(begun({ ...blank('zh'), id: 'mina', name: '米娜' })).toEqual({ id: 'mina', name: '米娜', language: 'zh', voice })
})

test('a problem within a field is the problem of that field', () => {
  const problems = { 'voice.speed': 'too much', 'examples.0.user': 'empty', names: 'x' }
  expect(wrongIn(problems, 'voice.speed')).toBe('too much')
  expect(wrongIn(problems, 'examples')).toBe('empty')
  expect(wrongIn(problems, 'examples.0')).toBe('empty')
  expect(wrongIn(problems, 'name')).toBe('')
})

test('macros are filled as the server fills them', () => {
  expect(filled('{{char}} greets {{ USER }}, <bot> too. {{random:a}}', 'Mina', 'Ann')).toBe('Mina greets Ann, Mina too. {{random:a}}')
  expect(filled('{{user}}', 'x', '$&')).toBe('$&')
})
