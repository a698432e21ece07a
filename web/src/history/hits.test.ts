import { expect, test } from 'vitest'
import { hits } from './hits'

const shown = (text: string, query: string) => hits(text, query).map(({ text: piece, hit }) => (hit ? `<${piece}>` : piece)).join('')

test('each word of the query is marked wherever it stands', () => {
  expect(shown('我的猫叫小白，小白三岁', '小白 猫')).toBe('我的<猫>叫<小白>，<小白>三岁')
})
test('case makes no difference, and the longer of two words wins', () => {
  expect(shown('Peanuts and pea soup', 'pea peanut')).toBe('<Peanut>s and <pea> soup')
})
test('what means something in a pattern means itself', () => {
  expect(shown('a.b (c) [d] \\ ^$ a+b', '. (c) [d] \\ ^$ a+')).toBe('a<.>b <(c)> <[d]> <\\> <^$> <a+>b')
})
test('a text without the words stays whole', () => {
  expect(hits('一二三', '四')).toEqual([{ text: '一二三', hit: false }])
  expect(hits('一二三', ' ')).toEqual([{ text: '一二三', hit: false }])
})
