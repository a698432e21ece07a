import { afterEach, expect, test, vi } from 'vitest'
import { follow, ServerEvents } from './server_events'

afterEach(() => vi.unstubAllGlobals())

const TOLD = ': still at it\n\ndata: {"a":1}\n\nevent: error\ndata: {"code":"x"}\n\ndata: 你\ndata: 好\n\ndata: cut'

test('events are the same in whatever way the stream is cut', () => {
  for (const size of [1, 2, 3, 7, TOLD.length]) {
    const events = new ServerEvents()
    const told: string[] = []
    for (let at = 0; at < TOLD.length; at += size) told.push(...events.feed(TOLD.slice(at, at + size)))
    expect(told).toEqual(['{"a":1}', '你\n好'])
  }
})

test('an event without an end is an error', () => {
  const events = new ServerEvents()
  expect(() => events.feed('x'.repeat(2 ** 21))).toThrow('without an end')
})

async function all(): Promise<unknown[]> {
  const told: unknown[] = []
  for await (const event of follow('events', new AbortController().signal)) told.push(event)
  return told
}

test('what comes is given until the server ends it', async () => {
  const fetch = vi.fn(() => Promise.resolve(new Response('data: {"n":1}\n\ndata: {"n":2}\n\n')))
  vi.stubGlobal('fetch', fetch)
  expect(await all()).toEqual([{ n: 1 }, { n: 2 }])
  expect(fetch).toHaveBeenCalledOnce()
})

test.each([
  ['refuses', () => Promise.resolve(new Response('', { status: 503 }))],
  ['is gone', () => Promise.reject(new TypeError('Failed to fetch'))],
  ['says nonsense', () => Promise.resolve(new Response('data: {\n\n'))],
])('a server that %s ends it', async (_, fetch) => {
  vi.stubGlobal('fetch', fetch)
  expect(await all()).toEqual([])
})

test('who does not want to hear more is done', async () => {
  const until = new AbortController()
  const endless = new ReadableStream<Uint8Array>({ start: (stream) => { stream.enqueue(new TextEncoder().encode('data: 1\n\n')) } })
  vi.stubGlobal('fetch', (_: string, { signal }: RequestInit) => {
    signal?.addEventListener('abort', () => void endless.cancel().catch(() => undefined))
    return Promise.resolve(new Response(endless))
  })
  const events = follow<number>('events', until.signal)
  expect((await events.next()).value).toBe(1)
  expect((await events.return(undefined)).done).toBe(true)
})
