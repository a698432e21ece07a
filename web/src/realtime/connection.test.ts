import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Connection, type Closed, type Line } from './connection'
import type { ServerEvent } from './events'

/** A socket whose other side is the test. */
class Socket {
  static readonly OPEN = 1
  static readonly all: Socket[] = []
  readyState = 0
  bufferedAmount = 0
  readonly sent: string[] = []
  closedWith: number | null = null
  onopen: () => void = () => undefined
  onmessage: (message: { data: string }) => void = () => undefined
  onclose: (closed: { code: number }) => void = () => undefined

  constructor(
    readonly address: string,
    readonly protocols: string[],
  ) {
    Socket.all.push(this)
  }

  send(text: string): void {
    this.sent.push(text)
  }

  close(code: number): void {
    this.closedWith = code
    this.readyState = 3
  }

  opens(): void {
    this.readyState = Socket.OPEN
    this.onopen()
  }

  begins(): void {
    this.opens()
    this.onmessage({ data: JSON.stringify({ type: 'session.created', session: { id: 's', myna: {} } }) })
  }

  breaks(code = 1006): void {
    this.readyState = 3
    this.onclose({ code })
  }
}

const online = new EventTarget()
let lines: [Line, (Closed | undefined)?][]
let heard: ServerEvent[]
let conversation: string
let connection: Connection

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', Socket)
  vi.stubGlobal('addEventListener', online.addEventListener.bind(online))
  vi.stubGlobal('removeEventListener', online.removeEventListener.bind(online))
  Socket.all.length = 0
  ;[lines, heard, conversation] = [[], [], '']
  connection = new Connection(
    () => `ws://here/?conversation=${conversation}`,
    () => ['realtime'],
    { heard: (event) => heard.push(event), line: (...line) => lines.push(line) },
  )
  connection.open()
})

afterEach(() => {
  connection.close()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const newest = (): Socket => Socket.all.at(-1) as Socket
const line = (): Line | undefined => lines.at(-1)?.[0]

test('a line that is lost is opened again by itself, in the conversation that there is by then', () => {
  newest().begins()
  conversation = 'c1'
  newest().breaks()
  expect(line()).toBe('lost')
  vi.advanceTimersByTime(400)
  expect(Socket.all).toHaveLength(2)
  expect(newest().address).toContain('conversation=c1')
  newest().begins()
  expect(line()).toBe('open')
})

test('tries come further and further apart, up to some seconds, and never end', () => {
  const waits: number[] = []
  for (let tried = 0; tried < 12; tried++) {
    newest().breaks()
    const before = Socket.all.length
    let waited = 0
    while (Socket.all.length === before) {
      vi.advanceTimersByTime(100)
      waited += 100
    }
    waits.push(waited)
  }
  expect(waits[0]).toBeLessThanOrEqual(400)
  expect(Math.max(...waits)).toBeGreaterThan(5000)
  expect(Math.max(...waits)).toBeLessThanOrEqual(10_500)
  expect(line()).toBe('lost')
})

test('a line that had held is tried again soon', () => {
  for (let tried = 0; tried < 6; tried++) {
    newest().breaks()
    vi.advanceTimersByTime(11_000)
  }
  newest().begins()
  vi.advanceTimersByTime(6000)
  newest().breaks()
  const before = Socket.all.length
  vi.advanceTimersByTime(400)
  expect(Socket.all).toHaveLength(before + 1)
})

test('it is tried at once when the user asks for it, or the network is back', () => {
  newest().breaks()
  connection.retry()
  expect(Socket.all).toHaveLength(2)
  newest().breaks()
  online.dispatchEvent(new Event('online'))
  expect(Socket.all).toHaveLength(3)
  online.dispatchEvent(new Event('online'))
  expect(Socket.all, 'a try is under way').toHaveLength(3)
})

test.each([1002, 1007, 1008, 1009, 4409])('after %i it is left: the server would do the same again', (code) => {
  newest().opens()
  newest().breaks(code)
  expect(lines.at(-1)).toEqual(['closed', { code, opened: true }])
  vi.advanceTimersByTime(60_000)
  connection.retry()
  expect(Socket.all).toHaveLength(1)
})

test('a page that had slept comes back: 1008 in a session means that it did not read', () => {
  newest().begins()
  newest().breaks(1008)
  expect(line()).toBe('lost')
  vi.advanceTimersByTime(400)
  expect(Socket.all).toHaveLength(2)
})

test('what an old socket still says is not heard', () => {
  const old = newest()
  old.begins()
  connection.close()
  connection.open()
  heard.length = 0
  old.onmessage({ data: JSON.stringify({ type: 'myna.greeting', text: 'late' }) })
  old.onclose({ code: 1006 })
  expect(heard).toEqual([])
  expect(line()).toBe('connecting')
  expect(old.closedWith).toBe(1000)
})

test('what cannot be sent is told, and of audio that nobody takes nothing piles up', () => {
  const audio = { type: 'input_audio_buffer.append', audio: 'AAAA' } as const
  expect(connection.send({ type: 'response.create' })).toBe(false)
  newest().opens()
  newest().bufferedAmount = 2 << 20
  expect(connection.send(audio)).toBe(false)
  expect(connection.send({ type: 'response.create' })).toBe(true)
  newest().bufferedAmount = 0
  expect(connection.send(audio)).toBe(true)
  expect(newest().sent).toHaveLength(2)
})
