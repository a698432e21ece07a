import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { repeat } from './repeat'

let page: EventTarget & { visibilityState: string }

beforeEach(() => {
  vi.useFakeTimers()
  page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  vi.stubGlobal('document', page)
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function see(state: string): void {
  page.visibilityState = state
  page.dispatchEvent(new Event('visibilitychange'))
}

test('it is done at once, and again so long after each time', async () => {
  const work = vi.fn(() => new Promise<void>((done) => setTimeout(done, 500)))
  const rounds = repeat(work, 1000)
  expect(work).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1400)
  expect(work).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(100)
  expect(work).toHaveBeenCalledTimes(2)
  rounds.now()
  expect(work).toHaveBeenCalledTimes(2) // one is under way
  rounds.end()
})

test('it rests while the page cannot be seen', async () => {
  const work = vi.fn(() => Promise.resolve())
  const rounds = repeat(work, 1000)
  see('hidden')
  await vi.advanceTimersByTimeAsync(5000)
  expect(work).toHaveBeenCalledTimes(1)
  see('visible')
  expect(work).toHaveBeenCalledTimes(2)
  rounds.end()
})

test('it ends, and what is under way is told so', async () => {
  let signal: AbortSignal | undefined
  const work = vi.fn((until: AbortSignal) => {
    signal = until
    return Promise.resolve()
  })
  const rounds = repeat(work, 1000)
  rounds.end()
  see('visible')
  await vi.advanceTimersByTimeAsync(5000)
  expect([work.mock.calls.length, signal?.aborted]).toEqual([1, true])
})
