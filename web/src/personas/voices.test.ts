import { expect, test } from 'vitest'
import type { Voice } from './server'
import { called, exchanged, grouped, without } from './voices'

const voice = (name: string, ...languages: string[]): Voice => ({ name, languages, gender: 'female' })
const VOICES = [voice('af_heart', 'en'), voice('jf_alpha', 'ja'), voice('zf_xiaobei', 'zh'), voice('x')]

test('the voices of the language that the persona speaks come first', () => {
  const names = (language: string): string[][] => grouped(VOICES, language).map((group) => [group.language, ...group.voices.map(({ name }) => name)])
  expect(names('zh-CN')).toEqual([['zh', 'zf_xiaobei'], ['en', 'af_heart'], ['', 'jf_alpha', 'x']])
  expect(names('ja')).toEqual([['ja', 'jf_alpha'], ['zh', 'zf_xiaobei'], ['en', 'af_heart'], ['', 'x']])
  expect(names('')).toEqual([['zh', 'zf_xiaobei'], ['en', 'af_heart'], ['', 'jf_alpha', 'x']])
})

test('a voice is called by its name alone', () => {
  expect(['zf_xiaobei', 'af_heart', 'alloy'].map((name) => called({ name }))).toEqual(['Xiaobei', 'Heart', 'Alloy'])
})

test('a blend keeps its weights, its order and at least one voice', () => {
  const blend = { a: 0.7, b: 0.3 }
  expect(Object.entries(exchanged(blend, 'a', 'c'))).toEqual([['c', 0.7], ['b', 0.3]])
  expect(exchanged(blend, 'a', 'b'), 'one voice is not in it twice').toEqual(blend)
  expect(without(blend, 'a')).toEqual({ b: 0.3 })
  expect(without({ a: 1 }, 'a')).toEqual({ a: 1 })
})
