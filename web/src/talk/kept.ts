import type { Entry, Reply, Utterance } from './transcript.svelte'

/** A message, as the server keeps it; `at` is when it was made. */
export type KeptMessage = { id: string; at?: string | null } & (
  | { type: 'system' }
  | { type: 'user'; turn: string; text: string }
  | { type: 'assistant'; turn: string; text: string; heard: string; outcome: 'completed' | 'interrupted' | 'failed' }
  | { type: 'tool_call'; turn: string; call_id: string; name: string; arguments: string }
  | { type: 'tool_result'; turn: string; call_id: string; output: string; failed: boolean }
)

/** What `GET /api/conversations/{id}` tells, as far as it is shown. */
export interface Kept {
  messages: KeptMessage[]
  /** What to ask for to get the messages before these; null: these are the first. */
  previous?: string | null
}

export function now(): string {
  return new Date().toISOString()
}

export function utterance(id: string, text: string, at: string): Utterance {
  return { kind: 'user', id, at, text, partial: false, stable: text.length, problem: '' }
}

export function emptyReply(id: string, at: string): Reply {
  const said = { text: '', emotion: '', heard: null, problem: '' }
  return { kind: 'reply', id, at, ...said, items: [], state: 'thinking', calls: [], memories: [] }
}

/** Messages as they are shown: the calls of tools within their reply. */
export function entriesOf(messages: readonly KeptMessage[]): Entry[] {
  const entries: Entry[] = []
  let reply: Reply | null = null
  let turn = ''
  for (const message of messages) {
    if (message.type === 'system') continue
    const at = message.at ?? ''
    if (message.type === 'user') {
      entries.push(utterance(message.id, message.text, at))
      reply = null
      continue
    }
    if (!reply || turn !== message.turn) {
      reply = { ...emptyReply(message.id, at), state: 'done' }
      entries.push(reply)
      turn = message.turn
    }
    add(message, reply)
  }
  return entries
}

function add(message: Exclude<KeptMessage, { type: 'system' | 'user' }>, reply: Reply): void {
  if (message.type === 'tool_result') {
    const call = reply.calls.find(({ id }) => id === message.call_id)
    if (call) Object.assign(call, { status: message.failed ? 'failed' : 'ok', output: message.output })
    else reply.items.push(message.id) // with a call its result goes too
    return
  }
  reply.items.push(message.id)
  if (message.type === 'tool_call') {
    const { call_id: id, name, arguments: args } = message
    reply.calls.push({ id, name, arguments: args, asks: false, status: 'goes_on', output: '', took_ms: null })
    return
  }
  reply.text += (reply.text && message.text && '\n\n') + message.text
  if (message.at) reply.at = message.at
  if (message.outcome !== 'completed') reply.state = message.outcome
  if (message.outcome === 'interrupted') reply.heard = message.heard
}

/** How many messages at the beginning of a page may belong to a reply that begins on the page before it. */
export function cutOff(messages: readonly KeptMessage[]): number {
  const first = messages.find(({ type }) => type !== 'system')
  if (!first || first.type === 'user' || first.type === 'system') return 0
  const end = messages.findIndex((each) => each.type === 'user' || (each.type !== 'system' && each.turn !== first.turn))
  return end < 0 ? messages.length : end
}
