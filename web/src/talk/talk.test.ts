import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Persona } from '../api/rest'
import { Talk } from './talk.svelte'

/** A socket whose other side is the test. */
class Socket {
  static readonly OPEN = 1
  static newest: Socket
  readyState = 0
  bufferedAmount = 0
  readonly sent: string[] = []
  onopen: () => void = () => undefined
  onmessage: (message: { data: string }) => void = () => undefined
  onclose: (closed: { code: number }) => void = () => undefined

  constructor(readonly address: string) {
    Socket.newest = this
  }

  send(text: string): void {
    this.sent.push(text)
  }

  close(): void {
    this.readyState = 3
  }

  /** The line is there, and the session in its conversation. */
  async begins(conversation: string): Promise<void> {
    this.readyState = Socket.OPEN
    this.onopen()
    const session = { id: 's', myna: { conversation, private: false } }
    this.onmessage({ data: JSON.stringify({ type: 'session.created', session }) })
    await vi.advanceTimersByTimeAsync(0)
  }

  breaks(code: number): void {
    this.readyState = 3
    this.onclose({ code })
  }

  /** The ids of what the user has said. */
  get ids(): string[] {
    const events = this.sent.map((text) => JSON.parse(text) as { type: string; item?: { id: string } })
    return events.flatMap(({ type, item }) => (type === 'conversation.item.create' && item ? [item.id] : []))
  }

  /** The server tells something. */
  tells(event: object): void {
    this.onmessage({ data: JSON.stringify(event) })
  }

  /** What the user has said, as the server was told. */
  get said(): string[] {
    const events = this.sent.map((text) => JSON.parse(text) as { type: string; item?: { content: { text: string }[] } })
    return events.flatMap(({ type, item }) => (type === 'conversation.item.create' ? (item?.content ?? []).map(({ text }) => text) : []))
  }
}

const persona = (id: string): Persona => ({
  id, name: id, language: 'en', avatar: '', picture: null, greeting: '', greetings: [], emotions: [],
  default_emotion: 'calm', memory_scope: 'shared', tags: [], built_in: true,
})
const [mia, wukong] = [persona('mia'), persona('wukong')]

let talk: Talk

beforeEach(() => {
  vi.useFakeTimers()
  const page = new EventTarget()
  vi.stubGlobal('WebSocket', Socket)
  vi.stubGlobal('Audio', EventTarget)
  vi.stubGlobal('document', { baseURI: 'http://myna/' })
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ messages: [], previous: null })))
  talk = new Talk()
})

afterEach(() => {
  talk.end()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('what is written before the first conversation is there is said to whoever is chosen then', async () => {
  await talk.begin(mia)
  talk.say('Hello')
  await talk.begin(wukong)
  expect(talk.typed.waiting).toEqual(['Hello'])
  await Socket.newest.begins('c1')
  expect([Socket.newest.said, talk.typed.waiting]).toEqual([['Hello'], []])
})

test('what is written is said when the server that had refused is tried again', async () => {
  await talk.begin(mia)
  talk.say('Hello')
  Socket.newest.breaks(1008)
  expect(talk.trouble).toBe('refused')
  talk.again()
  await Socket.newest.begins('c1')
  expect(Socket.newest.said).toEqual(['Hello'])
})

test('what is written is said when the key that the server wants was given', async () => {
  await talk.begin(mia)
  talk.say('Hello')
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ error: { code: 'invalid_api_key' } }, { status: 401 })))
  Socket.newest.breaks(1006)
  await vi.advanceTimersByTimeAsync(0)
  expect([talk.trouble, talk.typed.waiting]).toEqual(['key', ['Hello']])
  await talk.begin(mia)
  await Socket.newest.begins('c1')
  expect(Socket.newest.said).toEqual(['Hello'])
})

test('what waits for one conversation is not said in another: it is written again, before what is being written', async () => {
  await talk.begin(mia, 'c1')
  for (const text of ['One', 'Two']) talk.say(text)
  talk.draft = 'Three'
  await talk.begin(mia, 'c2')
  expect([talk.typed.waiting, talk.draft]).toEqual([[], 'One\nTwo\nThree'])
  await Socket.newest.begins('c2')
  expect(Socket.newest.said).toEqual([])
})

// ---------------------------------------------------------------------------------------- a line that is lost meanwhile

const added = (id: string): object => ({
  type: 'conversation.item.added',
  previous_item_id: null,
  item: { id, type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_text', text: 'Hello' }] },
})
const kept = (...messages: object[]): void => {
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ messages, previous: null })))
}
const CLOSING = 2

async function talking(): Promise<void> {
  await talk.begin(mia, 'c1')
  await Socket.newest.begins('c1')
}

async function againThere(): Promise<Socket> {
  await vi.advanceTimersByTimeAsync(1000)
  const socket = Socket.newest
  await socket.begins('c1')
  return socket
}

test('what is written while the socket is closing is said when it is back', async () => {
  await talking()
  Socket.newest.readyState = CLOSING
  talk.say('Hello')
  expect([Socket.newest.said, talk.typed.waiting]).toEqual([[], ['Hello']])
  Socket.newest.breaks(1006)
  expect((await againThere()).said).toEqual(['Hello'])
  expect(talk.typed.waiting).toEqual([])
})

test('what was sent and did not arrive is sent again, before what was written since', async () => {
  await talking()
  talk.say('Hello')
  const [first] = Socket.newest.ids
  Socket.newest.breaks(1006)
  talk.say('Still there?')
  expect(talk.typed.waiting).toEqual(['Hello', 'Still there?'])
  const socket = await againThere()
  expect(socket.said).toEqual(['Hello', 'Still there?'])
  expect(socket.ids[0], 'by which the server would know it').toBe(first)
  expect(socket.sent.filter((text) => text.includes('response.create'))).toHaveLength(1)
})

test('what had arrived is not said twice, and answered where it was not', async () => {
  await talking()
  talk.say('Hello')
  const [id] = Socket.newest.ids
  Socket.newest.breaks(1006)
  kept({ id, type: 'user', turn: 't1', text: 'Hello' })
  const socket = await againThere()
  expect([socket.said, talk.typed.waiting]).toEqual([[], []])
  expect(socket.sent.at(-1)).toContain('response.create')
})

test('what had arrived and was answered is left alone', async () => {
  await talking()
  talk.say('Hello')
  const [id] = Socket.newest.ids
  Socket.newest.breaks(1006)
  const said = { turn: 't1', text: 'Hi!', heard: 'Hi!', outcome: 'completed' }
  kept({ id, type: 'user', turn: 't1', text: 'Hello' }, { id: 'a1', type: 'assistant', ...said })
  const socket = await againThere()
  expect(socket.sent.filter((text) => text.includes('.create'))).toEqual([])
})

test('what the server has said to have is not sent again', async () => {
  await talking()
  talk.say('Hello')
  Socket.newest.tells(added(Socket.newest.ids[0] ?? ''))
  Socket.newest.breaks(1006)
  expect(talk.typed.waiting).toEqual([])
  expect((await againThere()).said).toEqual([])
})

test('what the server refuses is told, and there to be written on', async () => {
  await talking()
  talk.say('Far too long')
  talk.draft = 'Next'
  const error = { code: 'context_length_exceeded', message: 'Too long.', param: null, event_id: Socket.newest.ids[0] }
  Socket.newest.tells({ type: 'error', error })
  expect(talk.draft).toBe('Far too long\nNext')
  expect(talk.transcript.entries.map(({ text }) => text)).toEqual(['Too long.'])
})

test('what the server knows already is nothing to tell', async () => {
  await talking()
  talk.say('Hello')
  const error = { code: 'item_create_duplicate_id', message: 'There is one.', param: null, event_id: Socket.newest.ids[0] }
  Socket.newest.tells({ type: 'error', error })
  Socket.newest.breaks(1006)
  expect([talk.draft, talk.typed.waiting, talk.transcript.entries]).toEqual(['', [], []])
})

test('what was sent goes with a line that the user leaves', async () => {
  await talking()
  talk.say('Hello')
  await talk.begin(wukong, 'c2')
  await Socket.newest.begins('c2')
  expect([Socket.newest.said, talk.draft]).toEqual([[], ''])
  Socket.newest.breaks(1006)
  await vi.advanceTimersByTimeAsync(1000)
  await Socket.newest.begins('c2')
  expect(Socket.newest.said).toEqual([])
})

// ------------------------------------------------------------------------------------------------- what a reload finds

test('a conversation is kept from its first turn on; of one that is not, nothing is asked', async () => {
  const asked: string[] = []
  vi.stubGlobal('fetch', (path: string) => {
    asked.push(path)
    return Promise.resolve(Response.json({ messages: [], previous: null }))
  })
  await talk.begin(mia)
  await Socket.newest.begins('c1')
  Socket.newest.breaks(1006)
  const socket = await againThere()
  expect([talk.kept, asked]).toEqual([false, []])
  socket.tells({ type: 'myna.turn.ended', response_id: 'resp_1', item_id: null, outcome: 'completed', heard: null })
  expect(talk.kept).toBe(true)
  socket.breaks(1006)
  await againThere()
  expect(asked).toHaveLength(1)
})

test('a conversation that is gone begins anew', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ error: { code: 'unknown_name' } }, { status: 404 })))
  await talk.begin(mia, 'c1')
  expect(talk.kept).toBe(false)
})
