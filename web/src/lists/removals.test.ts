import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Refused } from '../api/rest'
import { Removals, UNDO_MS } from './removals.svelte'

let sent: string[]
let gone: string[]
let failed: unknown[]
let answer: (id: string) => Promise<void>
let removals: Removals

beforeEach(() => {
  vi.useFakeTimers()
  ;[sent, gone, failed] = [[], [], []]
  answer = () => Promise.resolve()
  removals = new Removals({
    send: (id) => {
      sent.push(id)
      return answer(id)
    },
    gone: (id) => gone.push(id),
    failed: (error) => failed.push(error),
  })
})
afterEach(() => {
  vi.useRealTimers()
})

const remove = (...ids: string[]): void => {
  for (const id of ids) removals.remove({ id, name: id.toUpperCase() })
}

test('what is removed is out of sight at once, and gone when its time has run out', async () => {
  remove('a')
  expect(removals.hides('a')).toBe(true)
  await vi.advanceTimersByTimeAsync(UNDO_MS - 1)
  expect(sent).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect([sent, gone, removals.waiting]).toEqual([['a'], ['a'], []])
})

test('what was taken back is never sent', async () => {
  remove('a')
  await vi.advanceTimersByTimeAsync(UNDO_MS - 1)
  expect(removals.undo()).toEqual({ id: 'a', name: 'A' })
  await vi.advanceTimersByTimeAsync(10 * UNDO_MS)
  await removals.flush()
  expect([sent, removals.hides('a')]).toEqual([[], false])
})

test('the newest is taken back first, and the others have their whole time again', async () => {
  remove('a')
  await vi.advanceTimersByTimeAsync(UNDO_MS - 1)
  remove('b')
  await vi.advanceTimersByTimeAsync(UNDO_MS - 1)
  expect(removals.undo()?.id).toBe('b')
  await vi.advanceTimersByTimeAsync(UNDO_MS - 1)
  expect([sent, removals.hides('a'), removals.hides('b')]).toEqual([[], true, false])
  await vi.advanceTimersByTimeAsync(1)
  expect(sent).toEqual(['a'])
})

test('what something stays in the place of is not out of sight, and is removed once all the same', async () => {
  removals.remove({ id: 'a', name: 'A', stays: true })
  removals.remove({ id: 'a', name: 'A', stays: true })
  expect([removals.hides('a'), removals.waiting.length]).toEqual([false, 1])
  const flushed = removals.flush()
  expect(removals.hides('a')).toBe(false)
  await flushed
  expect([sent, gone]).toEqual([['a'], ['a']])
})

test('the same thing is removed once', async () => {
  remove('a', 'a')
  await vi.advanceTimersByTimeAsync(UNDO_MS)
  expect(sent).toEqual(['a'])
})

test('when the page is left, all requests are on their way before anything is waited for', () => {
  remove('a', 'b')
  void removals.flush()
  expect(sent).toEqual(['a', 'b'])
})

test('it is not sent again when its time would have run out', async () => {
  remove('a')
  await removals.flush()
  await vi.advanceTimersByTimeAsync(10 * UNDO_MS)
  expect(sent).toEqual(['a'])
})

test('while it is on its way, a list that comes anew does not show it either', async () => {
  let done: () => void = () => undefined
  answer = () => new Promise((finish) => (done = finish))
  remove('a')
  const flushed = removals.flush()
  const listedAnew = new Removals({ send: () => Promise.resolve(), gone: () => undefined, failed: () => undefined })
  expect([removals.hides('a'), listedAnew.hides('a')]).toEqual([true, true])
  done()
  await flushed
  expect([listedAnew.hides('a'), gone]).toEqual([false, ['a']])
})

test('what the server did not remove can be seen again', async () => {
  const busy = new Refused(503, 'busy', 'A reply is under way.')
  answer = (id) => (id === 'a' ? Promise.reject(busy) : Promise.resolve())
  remove('a', 'b')
  await vi.advanceTimersByTimeAsync(UNDO_MS)
  expect([removals.hides('a'), gone, failed]).toEqual([false, ['b'], [busy]])
})

test('what is not there any more is gone too', async () => {
  answer = () => Promise.reject(new Refused(404, 'unknown_name', 'There is none.'))
  remove('a')
  await vi.advanceTimersByTimeAsync(UNDO_MS)
  expect([gone, failed]).toEqual([['a'], []])
})

test('the time stands still while it is held', async () => {
  remove('a')
  removals.hold(true)
  await vi.advanceTimersByTimeAsync(10 * UNDO_MS)
  expect(sent).toEqual([])
  removals.hold(false)
  await vi.advanceTimersByTimeAsync(UNDO_MS)
  expect(sent).toEqual(['a'])
})

test('nothing is held any more when the bar went away under the pointer', async () => {
  remove('a')
  removals.hold(true)
  removals.undo()
  remove('b')
  await vi.advanceTimersByTimeAsync(UNDO_MS)
  expect(sent).toEqual(['b'])
})

test('what is gone by another way is not sent', async () => {
  remove('a')
  removals.forget()
  await vi.advanceTimersByTimeAsync(UNDO_MS)
  expect(sent).toEqual([])
})
