import { expect, test } from 'vitest'
import { fieldOf, type Json, type Schema } from './schema'
import { read, same, written } from './values'

function field(schema: Schema, secret = false) {
  return fieldOf({ properties: { it: schema } }, 'it', secret)
}

/** The value of a text, or what is wrong with it. */
function of(schema: Schema, text: string): unknown {
  const reading = read(field(schema), text)
  return 'value' in reading ? reading.value : reading.wrong.key
}

test('numbers keep their bounds', () => {
  const share: Schema = { type: 'number', exclusiveMinimum: 0, maximum: 1 }
  expect(of(share, ' 0.95 ')).toBe(0.95)
  expect(of(share, '0')).toBe('settings.wrong.above')
  expect(of(share, '1.5')).toBe('settings.wrong.most')
  expect(of({ type: 'number', exclusiveMaximum: 1 }, '1')).toBe('settings.wrong.below')
  expect(of({ type: 'integer', minimum: 1 }, '0')).toBe('settings.wrong.least')
})

test.each(['', ' ', 'warm', '0,5', 'Infinity', 'NaN', '1e999'])('%j is no number', (text) => {
  expect(of({ type: 'number' }, text)).toBe('settings.wrong.number')
})

test('a whole number is one', () => {
  expect(of({ type: 'integer' }, '12')).toBe(12)
  expect(of({ type: 'integer' }, '1.5')).toBe('settings.wrong.integer')
  expect(of({ type: 'integer' }, '1e300')).toBe('settings.wrong.integer')
})

test('what is wrong names the bound', () => {
  expect(read(field({ type: 'number', maximum: 2 }), '9')).toEqual({ wrong: { key: 'settings.wrong.most', values: { bound: 2 } } })
})

test('nothing is null where that is allowed', () => {
  const threads: Schema = { anyOf: [{ type: 'integer', exclusiveMinimum: 0 }, { type: 'null' }] }
  expect(of(threads, ' ')).toBe(null)
  expect(of(threads, '2')).toBe(2)
  expect(of(threads, '0')).toBe('settings.wrong.above')
})

test('of several types the first that fits counts', () => {
  const layers: Schema = { anyOf: [{ type: 'integer', minimum: 0 }, { const: 'auto', type: 'string' }] }
  expect(of(layers, 'auto')).toBe('auto')
  expect(of(layers, '12')).toBe(12)
  expect(of(layers, '-1')).toBe('settings.wrong.least')
})

test('a text has its length and its pattern', () => {
  expect(of({ type: 'string', minLength: 1 }, ' ')).toBe('settings.wrong.empty')
  expect(of({ type: 'string', maxLength: 2 }, '你好吗')).toBe('settings.wrong.long')
  expect(of({ type: 'string', pattern: '^[a-z]+$' }, 'A')).toBe('settings.wrong.text')
  expect(of({ type: 'string' }, '')).toBe('')
})

test('a choice is one of those', () => {
  expect(of({ type: 'string', enum: ['cpu', 'cuda'] }, 'cuda')).toBe('cuda')
  expect(of({ type: 'string', enum: ['cpu', 'cuda'] }, 'gpu')).toBe('settings.wrong.choice')
})

test('a list has an entry a line', () => {
  const list: Schema = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: 2 }
  expect(of(list, ' 开心\n\nCalm ')).toEqual(['开心', 'Calm'])
  expect(of(list, '\n')).toBe('settings.wrong.few')
  expect(of(list, 'a\nb\nc')).toBe('settings.wrong.many')
})

test.each<[Schema, Json]>([
  [{ type: 'boolean' }, false],
  [{ type: 'boolean' }, true],
  [{ type: 'number' }, 0.05],
  [{ type: 'number' }, 1e-7],
  [{ type: 'string' }, ' as it is '],
  [{ type: 'array', items: { type: 'string' } }, ['zh', 'en']],
  [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, null],
])('what is written in a field reads back: %j %j', (schema, value) => {
  expect(read(field(schema), written(field(schema), value))).toEqual({ value })
})

test('of a secret nothing is written in its field', () => {
  expect(written(field({ type: 'string' }, true), '********')).toBe('')
})

test('values are compared as JSON has them', () => {
  expect(same(['a'], ['a'])).toBe(true)
  expect(same(1, '1')).toBe(false)
  expect(same(null, undefined)).toBe(false)
})
