import { expect, test } from 'vitest'
import { bytes, duration, together } from './amounts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [491_400_064, '491 MB'],
  [2_700_000_000, '2.7 GB'],
  [16e15, '16,000 TB'],
])('%d bytes are %s', (count, text) => {
  expect(bytes(count, 'en')).toBe(text)
})

test.each([
  [0.2, '1 second'],
  [59, '59 seconds'],
  [90, '2 minutes'],
  [5400, '1.5 hours'],
])('%d s are %s', (seconds, text) => {
  expect(duration(seconds, 'en')).toBe(text)
})

test('amounts are told in Chinese too', () => {
  expect([bytes(1e9, 'zh-CN'), duration(120, 'zh-CN')]).toEqual(['1 GB', '2分钟'])
})

test('how far all is counts each model, and is unknown while one is', () => {
  const model = { name: 'a', size: 10, done: 4, here: false }
  expect(together([model, { ...model, size: 30, done: 30 }])).toEqual({ done: 34, size: 40 })
  expect(together([model, { ...model, size: 0 }])).toBe(null)
  expect(together([])).toBe(null)
})
