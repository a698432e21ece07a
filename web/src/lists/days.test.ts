import { expect, test } from 'vitest'
import { byDay, clock, dayBreaks, moment } from './days'

const NOW = new Date(2026, 10, 22, 9, 30)
const at = (...parts: [number, number, number, number, number]) => new Date(...parts).toISOString()
const days = (times: string[], locale: string) =>
  byDay(times, (time) => time, NOW, locale).map(({ label, items }) => [label, items.length])

const TIMES = [at(2026, 10, 22, 0, 0), at(2026, 10, 22, 9, 29), at(2026, 10, 21, 23, 59), at(2026, 10, 19, 8, 0), at(2025, 11, 31, 8, 0)]

test('days are told as people say them', () => {
  expect(days(TIMES, 'en-GB')).toEqual([
    ['Today', 2],
    ['Yesterday', 1],
    [expect.stringMatching(/Thursday.* 19 November$/), 1],
    [expect.stringMatching(/Wednesday.* 31 December 2025$/), 1],
  ])
})

test('and in Chinese', () => {
  expect(days(TIMES, 'zh-CN')).toEqual([
    ['今天', 2],
    ['昨天', 1],
    ['11月19日星期四', 1],
    ['2025年12月31日星期三', 1],
  ])
})

test('yesterday is the day before, also on the first of a year', () => {
  const eve = at(2025, 11, 31, 0, 1)
  expect(byDay([eve], (time) => time, new Date(2026, 0, 1, 23, 59), 'en')[0]?.label).toBe('Yesterday')
})

test('the newest stand first, in whatever order they came', () => {
  const shuffled = [3, 0, 4, 1, 2].map((place) => TIMES[place] ?? '')
  expect(byDay(shuffled, (time) => time, NOW, 'en').flatMap(({ items }) => items)).toEqual([...TIMES].toSorted().toReversed())
})

test('a moment of today is a time, and one of another day a date', () => {
  expect(clock(at(2026, 10, 22, 9, 5), 'zh-CN')).toBe('9:05')
  expect(moment(at(2026, 10, 22, 9, 5), NOW, 'zh-CN')).toBe('9:05')
  expect(moment(at(2026, 10, 2, 9, 5), NOW, 'zh-CN')).toBe('11月2日')
  expect(moment(at(2025, 10, 2, 9, 5), NOW, 'zh-CN')).toBe('2025年11月2日')
})

const breaks = (times: string[]) => [...dayBreaks(times, NOW, 'en-GB')].map(([place, { label }]) => [place, label])

test('a day is told before the first of it', () => {
  const times = [at(2026, 10, 19, 8, 0), at(2026, 10, 19, 9, 0), at(2026, 10, 21, 9, 0), at(2026, 10, 22, 9, 0), at(2026, 10, 22, 9, 5)]
  expect(breaks(times)).toEqual([
    [0, expect.stringMatching(/Thursday.* 19 November$/)],
    [2, 'Yesterday'],
    [3, 'Today'],
  ])
})

test('what has no time begins no day', () => {
  expect(breaks(['', at(2026, 10, 21, 9, 0), '', at(2026, 10, 21, 9, 5)])).toEqual([[1, 'Yesterday']])
})

test('where all are of today no day is told', () => {
  expect(breaks([at(2026, 10, 22, 0, 1), '', at(2026, 10, 22, 9, 5)])).toEqual([])
  expect(breaks([])).toEqual([])
})
