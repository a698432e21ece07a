import type { ClientEvent, ServerEvent } from './events'

/** How the line is: `lost` is being opened again, `closed` is not. */
export type Line = 'connecting' | 'open' | 'lost' | 'closed'

/** Why a socket closed: its code (docs/http.md#websockets), and whether it had ever been open. */
export interface Closed {
  code: number
  opened: boolean
}

export interface Listener {
  /** The server's event. */
  heard: (event: ServerEvent) => void
  /** The line has changed. */
  line: (line: Line, closed?: Closed) => void
}

const FIRST_WAIT_MS = 300
const LONGEST_WAIT_MS = 8000
/** A line that held so long was a good one: the next try comes soon again. */
const GOOD_MS = 5000
/** More than that waiting to be sent means that nobody takes it: audio that comes late is of no use. */
const MOST_WAITING = 1 << 20
/** A page that slept did not read what it was sent. Of a session that never began, it means that it is refused. */
const ASLEEP = 1008
/** The server will not have this client again: its fault (1002, 1007, 1008, 1009), or another one goes on (4409). */
const FINAL = new Set([1002, 1007, 1008, 1009, 4409])

/** A Realtime socket that is opened again when it is lost. */
export class Connection {
  #socket: WebSocket | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #tries = 0
  #openedAt = 0
  #wanted = false

  /**
   * @param address Where to, each time anew: it names the conversation as soon as there is one.
   * @param protocols Subprotocols: they carry the key.
   */
  constructor(
    private readonly address: () => string,
    private readonly protocols: () => string[],
    private readonly listener: Listener,
  ) {}

  open(): void {
    this.#wanted = true
    addEventListener('online', this.retry)
    this.#connect()
  }

  /** Try now, as when the network is back. */
  readonly retry = (): void => {
    if (!this.#wanted || this.#socket) return
    this.#tries = 0
    this.#connect()
  }

  /** Whether it was sent; what was not is the caller's to keep. */
  send(event: ClientEvent): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false
    if (event.type === 'input_audio_buffer.append' && this.#socket.bufferedAmount > MOST_WAITING) return false
    this.#socket.send(JSON.stringify(event))
    return true
  }

  close(): void {
    this.#wanted = false
    removeEventListener('online', this.retry)
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = null
    socket?.close(1000)
    this.listener.line('closed')
  }

  #connect(): void {
    clearTimeout(this.#timer)
    const socket = new WebSocket(this.address(), this.protocols())
    this.#socket = socket
    this.listener.line(this.#tries ? 'lost' : 'connecting')
    let opened = false
    let begun = false
    socket.onopen = () => {
      if (socket !== this.#socket) return
      opened = true
      this.#openedAt = performance.now()
      this.listener.line('open')
    }
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      if (socket !== this.#socket) return
      const event = JSON.parse(data) as ServerEvent
      begun ||= event.type === 'session.created'
      this.listener.heard(event)
    }
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return
      this.#socket = null
      if (FINAL.has(code) && !(code === ASLEEP && begun)) {
        this.#wanted = false
        this.listener.line('closed', { code, opened })
        return
      }
      if (opened && performance.now() - this.#openedAt > GOOD_MS) this.#tries = 0
      const wait_ms = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#tries++)
      this.#timer = setTimeout(() => this.#connect(), wait_ms * (0.7 + 0.6 * Math.random()))
      this.listener.line('lost', { code, opened })
    }
  }
}
