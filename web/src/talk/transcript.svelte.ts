import type { Problem, Response, ServerEvent } from '../realtime/events'
import { cutOff, emptyReply, entriesOf, now, utterance, type Kept, type KeptMessage } from './kept'

/** What the user said or typed. */
export interface Utterance {
  kind: 'user'
  id: string
  /** When it was said, in ISO 8601; empty: nobody knows. */
  at: string
  text: string
  /** Still being heard: only the first `stable` characters will hardly change. */
  partial: boolean
  stable: number
  problem: string
}

export interface Call {
  id: string
  name: string
  arguments: string
  /** It waits until the user allows it. */
  asks: boolean
  /** `running`, or how it ended: ok, failed, timed_out, refused, cancelled, goes_on. */
  status: string
  output: string
  took_ms: number | null
}

export interface Reply {
  kind: 'reply'
  /** The response's; of a kept reply, its first message's. */
  id: string
  /** When its end was made, in ISO 8601; until then, when it began. */
  at: string
  /** Its messages', but for the results of its calls: what has to go if it goes, in this order. */
  items: string[]
  text: string
  emotion: string
  state: 'thinking' | 'writing' | 'done' | 'interrupted' | 'stopped' | 'cut' | 'failed'
  /** What was heard of it, if it was interrupted; null: all, or it is not known yet. */
  heard: string | null
  calls: Call[]
  memories: string[]
  problem: string
}

/** Something that went wrong and belongs to no turn. */
export interface Note {
  kind: 'note'
  id: string
  text: string
}

export type Entry = Utterance | Reply | Note

/** A text is parsed and laid out whole each time that more of it is shown: from this length on, pieces are gathered. */
const LONG = 2000
const LONGEST_WAIT_MS = 1000

/** What is to be seen of a conversation. Fed with the server's events, in order; it never asks for anything. */
export class Transcript {
  entries = $state<Entry[]>([])
  /** What to ask the server for to get the messages before these; null: there are none. */
  previous = $state<string | null>(null)
  readonly #now: () => string
  #notes = 0
  /** The beginning of the oldest page, which belongs to a reply of the page before. */
  #cut: KeptMessage[] = []
  /** What has come of a long reply, and is not shown yet. */
  #gathered = ''
  #gatheredOf: Reply | null = null
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param clock The time, in ISO 8601. */
  constructor(clock = now) {
    this.#now = clock
  }

  clear(): void {
    this.#show()
    this.entries = []
    this.previous = null
    this.#cut = []
  }

  /**
   * Show the newest messages of a conversation as they were kept. What is there already of those before them stays.
   *
   * A reply of which more may be on the page before is shown with that page.
   */
  load(kept: Kept): void {
    this.#show()
    const { cut, entries } = page(kept, [])
    const place = entries.findIndex(({ id, kind }) => kind === 'user' && this.#find(id))
    const known = place < 0 ? -1 : this.entries.findIndex(({ id }) => id === entries[place]?.id)
    if (known > place) {
      this.entries = [...this.entries.slice(0, known), ...entries.slice(place)]
      return
    }
    ;[this.entries, this.#cut, this.previous] = [entries, cut, kept.previous ?? null]
  }

  /** Show the messages before those that are shown. */
  prepend(kept: Kept): void {
    const { cut, entries } = page(kept, this.#cut)
    ;[this.entries, this.#cut, this.previous] = [[...entries, ...this.entries], cut, kept.previous ?? null]
  }

  /** Tell the user what belongs to no turn. */
  note(text: string): void {
    if (this.entries.at(-1)?.text === text) return
    this.entries.push({ kind: 'note', id: `note_${++this.#notes}`, text })
  }

  feed(event: ServerEvent): void {
    switch (event.type) {
      case 'conversation.item.added':
        if (event.item.type === 'message' && event.item.role === 'user') {
          const text = event.item.content.map((part) => part.text ?? part.transcript ?? '').join('\n')
          const said = this.#utterance(event.item.id, event.item.content.some((part) => part.type === 'input_audio'))
          if (text) [said.text, said.stable] = [text, text.length]
        }
        return
      case 'myna.transcript.partial': {
        const said = this.#utterance(event.item_id, true)
        if (said.partial) [said.text, said.stable] = [event.text, event.stable]
        return
      }
      case 'conversation.item.input_audio_transcription.completed': {
        const said = this.#utterance(event.item_id, true)
        ;[said.text, said.stable, said.partial] = [event.transcript, event.transcript.length, false]
        if (!event.transcript.trim()) this.#remove(event.item_id)
        return
      }
      case 'conversation.item.input_audio_transcription.failed': {
        const said = this.#utterance(event.item_id, true)
        ;[said.partial, said.problem] = [false, event.error.message]
        return
      }
      case 'conversation.item.deleted':
        this.#remove(event.item_id)
        return
      case 'response.created':
        this.entries.push(emptyReply(event.response.id, this.#now()))
        return
      case 'response.output_text.delta':
      case 'response.output_audio_transcript.delta': {
        const reply = this.reply(event.response_id)
        if (!reply) return
        if (!reply.items.includes(event.item_id)) reply.items.push(event.item_id)
        this.#write(reply, event.delta)
        if (reply.state === 'thinking') reply.state = 'writing'
        return
      }
      case 'response.done':
        this.#ended(event.response)
        return
      case 'myna.emotion': {
        const reply = this.reply(event.response_id)
        if (reply) reply.emotion = event.emotion
        return
      }
      case 'myna.memory.used': {
        const reply = this.reply(event.response_id)
        if (reply) reply.memories = event.memories.map(({ text }) => text)
        return
      }
      case 'myna.tool.started': {
        const { call_id: id, name, arguments: args, asks } = event
        const call: Call = { id, name, arguments: args, asks, status: 'running', output: '', took_ms: null }
        const reply = this.reply(event.response_id)
        reply?.calls.push(call)
        if (event.item_id) reply?.items.unshift(event.item_id) // before the text: with that its calls go too
        return
      }
      case 'myna.tool.ended': {
        const call = this.reply(event.response_id)?.calls.find(({ id }) => id === event.call_id)
        const { status, output, took_ms } = event
        if (call) Object.assign(call, { status, output, took_ms, asks: false })
        return
      }
      case 'myna.turn.ended': {
        this.#show()
        const reply = event.response_id === null ? null : this.reply(event.response_id)
        if (reply && event.outcome === 'interrupted') {
          reply.heard = event.heard ?? ''
          if (reply.state === 'done') reply.state = 'interrupted'
        }
        const said = event.item_id === null ? null : this.#find(event.item_id)
        if (event.outcome === 'silent' && said?.kind === 'user' && said.partial) this.#remove(said.id)
      }
    }
  }

  /** The reply of a response, newest first: it is one of the last. */
  reply(response_id: string): Reply | null {
    const found = this.#find(response_id)
    return found?.kind === 'reply' ? found : null
  }

  #find(id: string): Entry | undefined {
    return this.entries.findLast((entry) => entry.id === id)
  }

  #utterance(id: string, partial: boolean): Utterance {
    const known = this.#find(id)
    if (known?.kind === 'user') return known
    this.entries.push({ ...utterance(id, '', this.#now()), partial })
    return this.entries.at(-1) as Utterance
  }

  #remove(id: string): void {
    const place = this.entries.findLastIndex((entry) => entry.id === id || (entry.kind === 'reply' && entry.items.includes(id)))
    if (place >= 0) this.entries.splice(place, 1)
  }

  /** Of a long text, the longer it is the more is shown at once, so that it costs the same in each second. */
  #write(reply: Reply, piece: string): void {
    if (reply !== this.#gatheredOf) this.#show()
    if (reply.text.length < LONG) {
      reply.text += piece
      return
    }
    this.#gathered += piece
    this.#gatheredOf = reply
    this.#timer ??= setTimeout(() => { this.#show() }, Math.min(LONGEST_WAIT_MS, reply.text.length / 100))
  }

  /** Show what was gathered. */
  #show(): void {
    clearTimeout(this.#timer)
    if (this.#gatheredOf) this.#gatheredOf.text += this.#gathered
    ;[this.#gathered, this.#gatheredOf, this.#timer] = ['', null, undefined]
  }

  #ended({ id, status, status_details: details }: Response): void {
    this.#show()
    const reply = this.reply(id)
    if (!reply) return
    reply.at = this.#now()
    if (status === 'failed') {
      reply.state = 'failed'
      reply.problem = problem(details?.error)
    } else if (status === 'cancelled') {
      reply.state = details?.reason === 'client_cancelled' ? 'stopped' : 'interrupted'
      if (!reply.text && reply.calls.every(isIdle)) this.#remove(id) // withdrawn: the user went on speaking
    } else if (!reply.text && !reply.calls.length) {
      this.#remove(id) // there was nothing to answer
    } else {
      reply.state = status === 'incomplete' ? 'cut' : 'done'
    }
  }
}

/** What is shown of a page, and what of it waits for the page before; `behind` waited for this one. */
function page(kept: Kept, behind: KeptMessage[]): { cut: KeptMessage[]; entries: Entry[] } {
  const messages = [...kept.messages, ...behind]
  const place = kept.previous ? cutOff(messages) : 0
  return { cut: messages.slice(0, place), entries: entriesOf(messages.slice(place)) }
}

/** Whether a call did nothing: it never began. */
function isIdle({ status, took_ms }: Call): boolean {
  return status === 'cancelled' && took_ms === 0
}

function problem(error: Problem | undefined): string {
  return error?.message ?? ''
}
