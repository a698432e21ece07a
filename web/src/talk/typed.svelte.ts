import type { ClientEvent, ServerEvent } from '../realtime/events'
import type { Entry } from './transcript.svelte'

interface Message {
  /** By which it is known that it is there already, so that it is never said twice. */
  id: string
  text: string
  /** It was sent over a line that was lost then: it may have arrived. */
  tried: boolean
}

/** With these the server says that a message is there already. */
const THERE_ALREADY = 'item_create_duplicate_id'

/** What the user types, until the server says that it has it: whatever becomes of the line, none of it is lost. */
export class Typed {
  #waiting = $state.raw<readonly Message[]>([])
  /** What went over the line, and may not have arrived. */
  #sent: Message[] = []
  /** What waits for the line, oldest first. */
  readonly waiting = $derived(this.#waiting.map(({ text }) => text))

  /** @param send Gives whether it was sent. */
  constructor(private readonly send: (event: ClientEvent) => boolean) {}

  add(text: string): void {
    this.#waiting = [...this.#waiting, { id: newId(), text, tried: false }]
  }

  /** The line is there: say what waits, and have it answered. `entries`: what is to be seen of the conversation. */
  say(entries: readonly Entry[]): void {
    const waiting = this.#waiting
    if (!waiting.length) return
    const missing = waiting.filter(({ id, tried }) => !tried || !entries.some((entry) => entry.id === id))
    const sent = missing.findIndex((message) => !this.send(creation(message)))
    this.#waiting = sent < 0 ? [] : missing.slice(sent)
    this.#sent.push(...(sent < 0 ? missing : missing.slice(0, sent)))
    if (missing.length || entries.at(-1)?.kind === 'user') this.send({ type: 'response.create' })
  }

  /** What the server says. Gives the text of a message that it refuses. */
  feed(event: ServerEvent): string | null {
    if (event.type === 'conversation.item.added') this.#over(event.item.id)
    if (event.type !== 'error') return null
    const message = this.#over(event.error.event_id)
    return message && event.error.code !== THERE_ALREADY ? message.text : null
  }

  /** The line is lost: what may not have arrived waits for the next one. */
  lost(): void {
    this.#waiting = [...this.#sent.map((message) => ({ ...message, tried: true })), ...this.#waiting]
    this.#sent = []
  }

  /** Another conversation begins: gives what is not said in it. A line that is closed still brings what was sent. */
  take(): readonly string[] {
    const texts = this.waiting
    this.#waiting = []
    return texts
  }

  /** The line is closed, and not lost: it brings what was sent. */
  closed(): void {
    this.#sent = []
  }

  #over(id: string | null): Message | undefined {
    const message = this.#sent.find((each) => each.id === id)
    if (message) this.#sent = this.#sent.filter((each) => each !== message)
    return message
  }
}

function creation({ id, text }: Message): ClientEvent {
  const item = { id, type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
  return { type: 'conversation.item.create', event_id: id, item }
}

/** `crypto.randomUUID` is not there for pages that are not secure. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return `msg_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
