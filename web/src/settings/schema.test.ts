import { expect, test } from 'vitest'
import { fieldOf, type Schema } from './schema'

const ROOT: Schema = {
  $defs: {
    LLM: {
      properties: {
        temperature: { type: 'number', minimum: 0, maximum: 2, default: 0.7, description: 'How freely.' },
        profile: { type: 'string', enum: ['fast', 'quality'] },
        model: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null },
        layers: { anyOf: [{ type: 'integer', minimum: 0 }, { const: 'auto', type: 'string' }], default: 'auto' },
        names: { type: 'array', items: { type: 'string' } },
        pairs: { type: 'array', items: { type: 'array' } },
        on: { type: 'boolean' },
      },
    },
    Server: { properties: { command: { type: 'string' } } },
  },
  properties: {
    device: { type: 'string', enum: ['auto', 'cpu'] },
    llm: { $ref: '#/$defs/LLM', default: {} },
    mcp: { patternProperties: { '^[A-Za-z][A-Za-z0-9_-]{0,31}$': { $ref: '#/$defs/Server' } }, type: 'object' },
  },
}
const kind = (name: string) => fieldOf(ROOT, name, false).kind

test('the schema says how each setting is changed', () => {
  expect(kind('device')).toBe('choice')
  expect(kind('llm.profile')).toBe('choice')
  expect(kind('llm.temperature')).toBe('number')
  expect(kind('llm.model')).toBe('text')
  expect(kind('llm.on')).toBe('switch')
  expect(kind('llm.names')).toBe('list')
  expect(kind('mcp.files.command')).toBe('text')
})

test('what it does and what it usually is come along', () => {
  expect(fieldOf(ROOT, 'llm.temperature', false)).toMatchObject({ about: 'How freely.', usual: 0.7, nullable: false })
  expect(fieldOf(ROOT, 'llm.model', false)).toMatchObject({ nullable: true, usual: null })
})

test('a number or a word is written as text', () => {
  expect(fieldOf(ROOT, 'llm.layers', false)).toMatchObject({ kind: 'text', choices: ['auto'], nullable: false })
})

test('a secret is one whatever its type', () => {
  expect(fieldOf(ROOT, 'llm.model', true).kind).toBe('secret')
})

test('what cannot be written in a field is shown', () => {
  expect(kind('llm.pairs')).toBe('shown')
  expect(kind('llm.nothing')).toBe('shown')
  expect(kind('nothing.at.all')).toBe('shown')
})
