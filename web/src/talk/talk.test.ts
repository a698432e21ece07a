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
  expect(talk.unsent).toEqual(['Hello'])
  await Socket.newest.begins('c1')
  expect([Socket.newest.said, talk.unsent]).toEqual([['Hello'], []])
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
  expect([talk.trouble, talk.unsent]).toEqual(['key', ['Hello']])
  await talk.begin(mia)
  await Socket.newest.begins('c1')
  expect(Socket.newest.said).toEqual(['Hello'])
})

test('what waits for one conversation is not said in another: it is written again, before what is being written', async () => {
  await talk.begin(mia, 'c1')
  for (const text of ['One', 'Two']) talk.say(text)
  talk.draft = 'Three'
  await talk.begin(mia, 'c2')
  expect([talk.unsent, talk.draft]).toEqual([[], 'One\nTwo\nThree'])
  await Socket.newest.begins('c2')
  expect(Socket.newest.said).toEqual([])
})
