import type { Problem, Response, ServerEvent } from '../realtime/events'

/** What the user said or typed. */
export interface Utterance {
  kind: 'user'
  id: string
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
  /** Its messages', as far as they are known: what has to go if it goes. */
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

/** What `GET /api/conversations/{id}` tells, as far as it is shown. */
export interface Kept {
  messages: (
    | { type: 'system'; id: string }
    | { type: 'user'; id: string; turn: string; text: string }
    | {
        type: 'assistant'
        id: string
        turn: string
        text: string
        heard: string
        outcome: 'completed' | 'interrupted' | 'failed'
      }
    | { type: 'tool_call'; id: string; turn: string; call_id: string; name: string; arguments: string }
    | { type: 'tool_result'; id: string; turn: string; call_id: string; output: string; failed: boolean }
  )[]
}

/** What is to be seen of a conversation. Fed with the server's events, in order; it never asks for anything. */
export class Transcript {
  entries = $state<Entry[]>([])
  #notes = 0

  /** Show a conversation as it was kept. */
  load(kept: Kept): void {
    this.entries = []
    let reply: Reply | null = null
    let turn = ''
    for (const message of kept.messages) {
      if (message.type === 'system') continue
      if (message.type === 'user') {
        this.entries.push(utterance(message.id, message.text))
        reply = null
        continue
      }
      if (!reply || turn !== message.turn) {
        this.entries.push({ ...emptyReply(message.id), state: 'done' })
        reply = this.entries.at(-1) as Reply
        turn = message.turn
      }
      reply.items.push(message.id)
      if (message.type === 'tool_call') {
        const { call_id: id, name, arguments: args } = message
        reply.calls.push({ id, name, arguments: args, asks: false, status: 'goes_on', output: '', took_ms: null })
      } else if (message.type === 'tool_result') {
        const call = reply.calls.find(({ id }) => id === message.call_id)
        if (call) Object.assign(call, { status: message.failed ? 'failed' : 'ok', output: message.output })
      } else {
        reply.text += (reply.text && message.text && '\n\n') + message.text
        if (message.outcome !== 'completed') reply.state = message.outcome
        if (message.outcome === 'interrupted') reply.heard = message.heard
      }
    }
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
        this.entries.push(emptyReply(event.response.id))
        return
      case 'response.output_text.delta':
      case 'response.output_audio_transcript.delta': {
        const reply = this.reply(event.response_id)
        if (!reply) return
        if (!reply.items.includes(event.item_id)) reply.items.push(event.item_id)
        reply.text += event.delta
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
        this.reply(event.response_id)?.calls.push(call)
        return
      }
      case 'myna.tool.ended': {
        const call = this.reply(event.response_id)?.calls.find(({ id }) => id === event.call_id)
        const { status, output, took_ms } = event
        if (call) Object.assign(call, { status, output, took_ms, asks: false })
        return
      }
      case 'myna.turn.ended': {
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
    this.entries.push({ ...utterance(id, ''), partial })
    return this.entries.at(-1) as Utterance
  }

  #remove(id: string): void {
    const place = this.entries.findLastIndex((entry) => entry.id === id || (entry.kind === 'reply' && entry.items.includes(id)))
    if (place >= 0) this.entries.splice(place, 1)
  }

  #ended({ id, status, status_details: details }: Response): void {
    const reply = this.reply(id)
    if (!reply) return
    if (status === 'failed') {
      reply.state = 'failed'
      reply.problem = problem(details?.error)
    } else if (status === 'cancelled') {
      reply.state = details?.reason === 'client_cancelled' ? 'stopped' : 'interrupted'
      if (!reply.text && !reply.calls.length) this.#remove(id) // withdrawn: the user went on speaking
    } else if (!reply.text && !reply.calls.length) {
      this.#remove(id) // there was nothing to answer
    } else {
      reply.state = status === 'incomplete' ? 'cut' : 'done'
    }
  }
}

function utterance(id: string, text: string): Utterance {
  return { kind: 'user', id, text, partial: false, stable: text.length, problem: '' }
}

function emptyReply(id: string): Reply {
  const said = { text: '', emotion: '', heard: null, problem: '' }
  return { kind: 'reply', id, ...said, items: [], state: 'thinking', calls: [], memories: [] }
}

function problem(error: Problem | undefined): string {
  return error?.message ?? ''
}
