import type { Key } from '../i18n'
import type { Field, Json, Schema } from './schema'

/** What is wrong with what was written; `t` says it. */
export interface Wrong {
  key: Key
  values: Record<string, string | number>
}

export type Reading = { value: Json } | { wrong: Wrong }

/** A value as it stands in its field. Of a secret nothing does. */
export function written(field: Field, value: Json): string {
  if (field.kind === 'secret' || value === null) return ''
  if (field.kind === 'list' && Array.isArray(value)) return value.map(String).join('\n')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** What is written in a field as a value, or why it is none. Nothing means null where that is allowed: the usual value. */
export function read(field: Field, text: string): Reading {
  switch (field.kind) {
    case 'switch':
      return { value: text === 'true' }
    case 'secret':
      return { value: text }
    case 'list':
      return list(field, text)
    default:
      return scalar(field, text)
  }
}

/** Whether two values are the same, as JSON has them. */
export function same(one: Json | undefined, other: Json | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function scalar(field: Field, text: string): Reading {
  if (field.nullable && !text.trim()) return { value: null }
  const readings = field.arms.map((arm) => ofArm(arm, text))
  return readings.find((reading) => 'value' in reading) ?? readings[0] ?? fails('settings.wrong.text')
}

function ofArm(arm: Schema, text: string): Reading {
  if (arm.const !== undefined || arm.enum) {
    const choices = arm.enum ?? [arm.const ?? null]
    const chosen = choices.find((choice) => String(choice) === text.trim())
    return chosen === undefined ? fails('settings.wrong.choice', { choices: choices.map(String).join(', ') }) : { value: chosen }
  }
  if (arm.type === 'string') {
    const wrong = ofText(arm, text)
    return wrong ? { wrong } : { value: text }
  }
  const number = text.trim() ? Number(text.trim()) : NaN
  if (!Number.isFinite(number)) return fails('settings.wrong.number')
  if (arm.type === 'integer' && !Number.isSafeInteger(number)) return fails('settings.wrong.integer')
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = arm
  if (minimum !== undefined && number < minimum) return fails('settings.wrong.least', { bound: minimum })
  if (maximum !== undefined && number > maximum) return fails('settings.wrong.most', { bound: maximum })
  if (exclusiveMinimum !== undefined && number <= exclusiveMinimum) return fails('settings.wrong.above', { bound: exclusiveMinimum })
  if (exclusiveMaximum !== undefined && number >= exclusiveMaximum) return fails('settings.wrong.below', { bound: exclusiveMaximum })
  return { value: number }
}

function ofText({ minLength = 0, maxLength = Infinity, pattern }: Schema, text: string): Wrong | null {
  const length = Array.from(text.trim()).length // as Python counts
  if (length < minLength) return { key: 'settings.wrong.empty', values: {} }
  if (length > maxLength) return { key: 'settings.wrong.long', values: { bound: maxLength } }
  return pattern !== undefined && !new RegExp(pattern, 'u').test(text) ? { key: 'settings.wrong.text', values: {} } : null
}

/** An entry a line; lines without anything are none. */
function list(field: Field, text: string): Reading {
  const { items = {}, minItems = 0, maxItems = Infinity } = field.arms[0] ?? {}
  const entries = text.split('\n').map((line) => line.trim()).filter(Boolean)
  if (field.nullable && !entries.length) return { value: null }
  if (entries.length < minItems) return fails('settings.wrong.few', { bound: minItems })
  if (entries.length > maxItems) return fails('settings.wrong.many', { bound: maxItems })
  const wrong = entries.map((entry) => ofText(items, entry)).find((each) => each !== null)
  return wrong ? { wrong } : { value: entries }
}

function fails(key: Key, values: Record<string, string | number> = {}): Reading {
  return { wrong: { key, values } }
}
