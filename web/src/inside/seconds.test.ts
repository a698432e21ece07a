import { expect, test, vi } from 'vitest'

vi.stubGlobal('localStorage', { getItem: () => null })
vi.stubGlobal('navigator', { language: 'en' })
const { digitsOf, seconds } = await import('./seconds')

test('a time is told in seconds', () => {
  expect([seconds(340), seconds(12_345, 1), seconds(2000, 0)]).toEqual(['0.34 s', '12.3 s', '2 s'])
})

test('ticks have as many digits as it takes to tell them apart', () => {
  expect([[0, 20_000], [0, 1000, 2000], [0, 500], [0, 100], [0, 50], [0]].map(digitsOf)).toEqual([0, 0, 1, 1, 2, 0])
})
