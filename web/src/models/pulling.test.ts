import { expect, test } from 'vitest'
import { Refused } from '../api/rest'
import type { Catalog, Pull } from './catalog'
import { Pulling } from './pulling.svelte'

const IDLE: Pull = { state: 'idle', names: [], models: [], doing: '', rate: null, skipped: [], error: null }
const FOREVER = new AbortController().signal

function far(state: Pull['state'], done: number): Pull {
  return { ...IDLE, state, names: ['tiny'], models: [{ name: 'tiny', size: 100, done, here: done === 100 }] }
}

/** A server with one model; its pull goes on by the steps that it is given. */
class Server {
  now: Pull = IDLE
  asked = 0
  refuses: Error | null = null
  constructor(readonly steps: Pull[] = []) {}

  door = {
    catalog: (): Promise<Catalog> => {
      this.asked += 1
      const here = this.now.models.some((each) => each.here)
      const tiny = { name: 'tiny', about: '', license: '', homepage: '', size: 100, here, used_by: [] }
      return Promise.resolve({ models: [tiny], sets: [], folder: '/x' })
    },
    pull: () => (this.refuses ? Promise.reject(this.refuses) : Promise.resolve(this.now)),
    begin: () => (this.refuses ? Promise.reject(this.refuses) : Promise.resolve((this.now = far('running', 0)))),
    cancel: () => Promise.resolve((this.now = far('cancelled', 10))),
    events: () => this.told(),
  }

  async *told(): AsyncGenerator<Pull> {
    for (const step of this.steps) {
      this.now = step
      yield await Promise.resolve(step)
    }
  }
}

test('a pull that somebody else began is followed to its end, and what has come is here', async () => {
  const server = new Server([far('running', 50), far('done', 100)])
  server.now = far('running', 0)
  const pulling = new Pulling(server.door)
  await pulling.look(FOREVER)
  expect([pulling.state, pulling.pull?.state, pulling.seen]).toEqual(['ready', 'done', true])
  expect(pulling.catalog?.models[0]?.here).toBe(true)
})

test('a pull that ended before is no news', async () => {
  const server = new Server()
  server.now = far('done', 100)
  const pulling = new Pulling(server.door)
  await pulling.look(FOREVER)
  expect([pulling.pull?.state, pulling.seen, server.asked]).toEqual(['done', false, 1])
  await pulling.look(FOREVER)
  expect(server.asked).toBe(1)
})

test('one is begun and cancelled', async () => {
  const pulling = new Pulling(new Server().door)
  await pulling.look(FOREVER)
  await pulling.begin(['tiny'])
  expect(pulling.pull?.state).toBe('running')
  await pulling.cancel()
  expect([pulling.pull?.state, pulling.problem]).toEqual(['cancelled', ''])
})

test('what is refused is told', async () => {
  const server = new Server()
  const pulling = new Pulling(server.door)
  await pulling.look(FOREVER)
  server.refuses = new Refused(404, 'unknown_name', 'There is no model.', 'Did you mean tiny?')
  await pulling.begin(['tinny'])
  expect(pulling.problem).toBe('There is no model. Did you mean tiny?')
})

test('a server that went away is told, and the page goes on when it is back', async () => {
  const server = new Server()
  const pulling = new Pulling(server.door)
  await pulling.look(FOREVER)
  server.refuses = new Refused(0, 'offline', '')
  await pulling.look(FOREVER)
  expect([pulling.state, pulling.lost]).toEqual(['ready', true])
  server.refuses = null
  await pulling.look(FOREVER)
  expect(pulling.lost).toBe(false)
})

test('what kept the page from opening is forgotten when it opens', async () => {
  const server = new Server()
  server.refuses = new Refused(503, 'busy', 'Not now.')
  const pulling = new Pulling(server.door)
  await pulling.look(FOREVER)
  expect([pulling.state, pulling.problem]).toEqual(['failed', 'Not now.'])
  server.refuses = null
  await pulling.look(FOREVER)
  expect([pulling.state, pulling.problem]).toEqual(['ready', ''])
})

test('what could not be begun is told on while the page looks on', async () => {
  const server = new Server()
  const pulling = new Pulling(server.door)
  await pulling.look(FOREVER)
  server.refuses = new Refused(404, 'unknown_name', 'There is no model.')
  await pulling.begin(['tinny'])
  server.refuses = null
  await pulling.look(FOREVER)
  expect(pulling.problem).toBe('There is no model.')
})

test.each([
  ['begun', IDLE, 'running'],
  ['cancelled', far('running', 5), 'cancelled'],
] as const)('how it stood before one was %s is told too late, and dropped', async (how, before, after) => {
  const server = new Server()
  let answer: (pull: Pull) => void = () => undefined
  server.door.pull = () => new Promise((resolve) => (answer = resolve))
  const pulling = new Pulling(server.door)
  const look = pulling.look(FOREVER)
  await (how === 'begun' ? pulling.begin(['tiny']) : pulling.cancel())
  answer(before)
  await look
  expect([pulling.state, pulling.pull?.state]).toEqual(['ready', after])
})

test('who is not the owner is told so', async () => {
  const server = new Server()
  server.refuses = new Refused(403, 'owner_only', '')
  const pulling = new Pulling(server.door)
  await pulling.look(FOREVER)
  expect(pulling.state).toBe('owner')
})
