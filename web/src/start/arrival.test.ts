import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Refused } from '../api/rest'
import type { Model, Pull } from '../models/catalog'
import type { EngineState } from '../models/health'
import { Arrival, type Door } from './arrival.svelte'

const pulled = (more: Partial<Pull> = {}): Pull => ({
  state: 'running', names: [], models: [], doing: '', rate: null, skipped: [], error: null, ...more,
})

/** A server whose engines stand as the test says. */
class Server implements Door {
  engines: Record<string, EngineState> = {}
  asked: string[] = []
  begun: string[][] = []
  models: Partial<Model>[] = []
  refuses: Refused | null = null
  ended = false

  health = () => {
    this.asked.push('health')
    return Object.keys(this.engines).length ? Promise.resolve({ engines: this.engines }) : Promise.reject(new Refused(0, 'offline', ''))
  }
  pull = () => {
    this.asked.push('pull')
    return this.refuses ? Promise.reject(this.refuses) : Promise.resolve(pulled({ rate: 5, doing: 'a from PyPI: b' }))
  }
  async *events(until: AbortSignal) {
    this.asked.push('events')
    for (;;) {
      await new Promise((done) => setTimeout(done, 250))
      yield pulled({ rate: 7, state: this.ended ? 'done' : 'running' })
      if (this.ended || until.aborted) return
    }
  }
  catalog = () => Promise.resolve({ models: this.models as Model[], sets: [], folder: '' })
  begin = (names: string[]) => {
    this.begun.push(names)
    return this.refuses ? Promise.reject(this.refuses) : Promise.resolve(pulled({ names }))
  }
}

const fetching = (done: number, size: number | null): EngineState => ({ engine: 'x', status: 'fetching', done, size })
const ready: EngineState = { engine: 'x', status: 'ready' }
const failed: EngineState = { engine: 'x', status: 'failed', code: 'weights_missing', problem: 'No network.' }

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }))
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('one can talk as soon as the language model is there, and what came before counts on', async () => {
  const server = new Server()
  const arrival = new Arrival(server)
  server.engines = { llm: fetching(10, 100), tts: fetching(0, 50) }
  await arrival.look()
  expect([arrival.waits, arrival.ready, arrival.overall]).toEqual([true, false, { done: 10, size: 150 }])
  await vi.advanceTimersByTimeAsync(0)
  expect(arrival.pull?.rate).toBe(5)
  await vi.advanceTimersByTimeAsync(300)
  expect(arrival.pull?.rate).toBe(7)
  server.engines = { llm: ready, tts: fetching(20, 50) }
  await arrival.look()
  expect([arrival.waits, arrival.ready, arrival.overall]).toEqual([false, false, { done: 120, size: 150 }])
  server.ended = true
  await vi.advanceTimersByTimeAsync(300)
  expect(arrival.pull).toBe(null)
  server.engines = { llm: ready, tts: ready }
  await arrival.look()
  expect([arrival.ready, arrival.pull]).toEqual([true, null])
})

test('a server that is up already is asked once', async () => {
  const server = new Server()
  server.engines = { llm: ready }
  const end = new Arrival(server).watch()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(server.asked).toEqual(['health'])
  end()
})

test('it is asked every two seconds while something comes, seldom while nothing does, and no more when all is up', async () => {
  const server = new Server()
  server.engines = { llm: fetching(1, 2) }
  const end = new Arrival(server).watch()
  await vi.advanceTimersByTimeAsync(9000)
  expect(server.asked.filter((one) => one === 'health')).toHaveLength(5)
  expect(server.asked.filter((one) => one !== 'health')).toEqual(['pull', 'events'])
  server.engines = { llm: failed }
  await vi.advanceTimersByTimeAsync(2000)
  server.asked = []
  await vi.advanceTimersByTimeAsync(40_000)
  expect(server.asked).toHaveLength(4)
  server.engines = { llm: ready }
  await vi.advanceTimersByTimeAsync(20_000)
  server.asked = []
  await vi.advanceTimersByTimeAsync(20_000)
  expect(server.asked).toEqual([])
  end()
})

test('who may not see the pull sees the engines, and is not refused again and again', async () => {
  const server = new Server()
  server.engines = { llm: fetching(1, 2) }
  server.refuses = new Refused(403, 'owner_only', 'No.')
  const arrival = new Arrival(server)
  await arrival.look()
  await vi.advanceTimersByTimeAsync(0)
  await arrival.look()
  expect(server.asked).toEqual(['health', 'pull', 'health'])
  expect([arrival.isOwner, arrival.pull, arrival.overall?.size]).toEqual([false, null, 2])
  server.engines = { llm: failed }
  await arrival.look()
  expect(arrival.canRetry).toBe(false)
})

test('a server that is busy for a moment has not refused for good', async () => {
  const server = new Server()
  server.engines = { llm: fetching(1, 2) }
  server.refuses = new Refused(503, 'busy', 'Not now.')
  const arrival = new Arrival(server)
  await arrival.look()
  await vi.advanceTimersByTimeAsync(0)
  server.engines = { llm: failed }
  await arrival.look()
  await arrival.retry()
  expect([arrival.isOwner, arrival.canRetry]).toEqual([true, true])
})

test.each(['owner_only', 'settings_unknown'])('who is refused a try with %s is offered no other', async (code) => {
  const server = new Server()
  server.engines = { llm: failed }
  server.models = [{ name: 'mind', here: false, used_by: ['llm'] }]
  const arrival = new Arrival(server)
  await arrival.look()
  server.refuses = new Refused(403, code, 'No.')
  await arrival.retry()
  expect([arrival.canRetry, arrival.problem]).toEqual([false, 'No.'])
})

test('a server that was up is asked again while the line is lost, until all is up once more', async () => {
  const server = new Server()
  server.engines = { llm: ready }
  let lost = false
  const arrival = new Arrival(server)
  const end = arrival.watch(() => lost)
  await vi.advanceTimersByTimeAsync(10_000)
  ;[lost, server.engines, server.asked] = [true, {}, []]
  await vi.advanceTimersByTimeAsync(2000)
  expect([server.asked, arrival.there]).toEqual([['health'], false])
  server.engines = { llm: { engine: 'x', status: 'loading' } }
  await vi.advanceTimersByTimeAsync(2000)
  expect([arrival.waits, arrival.ready]).toEqual([true, false])
  ;[lost, server.engines] = [false, { llm: ready }]
  await vi.advanceTimersByTimeAsync(2000)
  expect([arrival.waits, arrival.ready]).toEqual([false, true])
  server.asked = []
  await vi.advanceTimersByTimeAsync(20_000)
  expect(server.asked).toEqual([])
  end()
})

test('what failed for want of weights is fetched once more, and what has not failed is left alone', async () => {
  const server = new Server()
  server.engines = { llm: ready, asr: { ...failed, code: 'engine_unavailable' }, tts: failed }
  server.models = [
    { name: 'voice', here: false, used_by: ['tts'] },
    { name: 'english', here: true, used_by: ['tts'] },
    { name: 'ear', here: false, used_by: ['asr'] },
    { name: 'unused', here: false, used_by: [] },
  ]
  const arrival = new Arrival(server)
  await arrival.look()
  expect(arrival.canRetry).toBe(true)
  await arrival.retry()
  expect(server.begun).toEqual([['voice']])
  server.models = [{ name: 'voice', here: true, used_by: ['tts'] }] // and so it must be damaged
  await arrival.retry()
  expect(server.begun.at(-1)).toEqual(['voice'])
})

test('each engine is fetched for itself, the one that answers first', async () => {
  const server = new Server()
  server.engines = { tts: failed, asr: failed, llm: failed }
  server.models = [
    { name: 'voice', here: false, used_by: ['tts'] },
    { name: 'ear', here: false, used_by: ['asr'] },
    { name: 'mind', here: false, used_by: ['llm'] },
  ]
  const arrival = new Arrival(server)
  await arrival.look()
  await arrival.retry()
  expect(server.begun).toEqual([['mind'], ['ear'], ['voice']])
})

test('a try that cannot begin says why', async () => {
  const server = new Server()
  server.engines = { tts: failed }
  server.models = [{ name: 'voice', here: false, used_by: ['tts'] }]
  const arrival = new Arrival(server)
  await arrival.look()
  server.refuses = new Refused(409, 'settings_unknown', 'Not here.', 'Ask there.')
  await arrival.retry()
  expect(arrival.problem).toBe('Not here. Ask there.')
})

test('a server that does not answer is not one that is getting ready', async () => {
  const server = new Server()
  server.engines = { llm: fetching(1, 2) }
  const arrival = new Arrival(server)
  await arrival.look()
  expect(arrival.waits).toBe(true)
  server.engines = {}
  await arrival.look()
  expect(arrival.waits).toBe(false)
})
