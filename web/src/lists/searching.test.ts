import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { PAUSE_MS, Searching } from './searching.svelte'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('it searches when nothing was typed for a while, and once', async () => {
  const asked: string[] = []
  const search = new Searching(
    (query) => {
      asked.push(query)
      return Promise.resolve([query])
    },
    () => undefined,
  )
  search.type('小')
  await vi.advanceTimersByTimeAsync(PAUSE_MS - 1)
  search.type('小白 ')
  search.type('小白')
  await vi.advanceTimersByTimeAsync(PAUSE_MS)
  expect([asked, search.found, search.query]).toEqual([['小白'], ['小白'], '小白'])
})

test('without words the search is over at once', async () => {
  const search = new Searching(
    (query) => Promise.resolve([query]),
    () => undefined,
  )
  search.type('cat')
  await vi.advanceTimersByTimeAsync(PAUSE_MS)
  search.type('  ')
  await vi.advanceTimersByTimeAsync(PAUSE_MS)
  expect([search.found, search.query]).toEqual([null, ''])
})

test('a late answer, or its failure, does not take the place of a newer one', async () => {
  const answers: Record<string, PromiseWithResolvers<string[]>> = {}
  const failed: unknown[] = []
  const search = new Searching(
    (query) => (answers[query] = deferred<string[]>()).promise,
    (error) => failed.push(error),
  )
  for (const query of ['one', 'two', 'three']) {
    search.type(query)
    await vi.advanceTimersByTimeAsync(PAUSE_MS)
  }
  answers['three']?.resolve(['3'])
  answers['two']?.reject(new Error('two'))
  answers['one']?.resolve(['1'])
  await vi.advanceTimersByTimeAsync(0)
  expect([search.found, search.query, failed]).toEqual([['3'], 'three', []])
})

test('a failure of what is searched for is told', async () => {
  const failed: unknown[] = []
  const search = new Searching(
    () => Promise.reject(new Error('off')),
    (error) => failed.push(error),
  )
  search.type('cat')
  await vi.advanceTimersByTimeAsync(PAUSE_MS)
  expect(failed).toEqual([new Error('off')])
})

interface PromiseWithResolvers<T> {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
}

function deferred<T>(): PromiseWithResolvers<T> {
  let [resolve, reject]: [(value: T) => void, (error: unknown) => void] = [() => undefined, () => undefined]
  const promise = new Promise<T>((...ways) => ([resolve, reject] = ways))
  return { promise, resolve, reject }
}
