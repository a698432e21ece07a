import { afterEach, expect, test, vi } from 'vitest'
import type { ResponseStatus, ServerEvent } from '../realtime/events'
import type { KeptMessage } from './kept'
import { Transcript, type Reply, type Utterance } from './transcript.svelte'

afterEach(() => {
  vi.useRealTimers()
})

function fed(...events: ServerEvent[]): Transcript {
  const transcript = new Transcript()
  for (const event of events) transcript.feed(event)
  return transcript
}

const typed = (id: string, text: string): ServerEvent => ({
  type: 'conversation.item.added',
  previous_item_id: null,
  item: { id, status: 'completed', type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
})
const spoken = (id: string): ServerEvent => ({
  type: 'conversation.item.added',
  previous_item_id: null,
  item: { id, status: 'completed', type: 'message', role: 'user', content: [{ type: 'input_audio', transcript: null }] },
})
const partial = (item_id: string, text: string, stable: number): ServerEvent => ({
  type: 'myna.transcript.partial',
  item_id,
  text,
  stable,
  language: 'zh',
})
const final = (item_id: string, transcript: string): ServerEvent => ({
  type: 'conversation.item.input_audio_transcription.completed',
  item_id,
  transcript,
})
const begun = (id: string): ServerEvent => ({ type: 'response.created', response: { id, status: 'in_progress' } })
const words = (response_id: string, delta: string): ServerEvent => ({
  type: 'response.output_audio_transcript.delta',
  response_id,
  item_id: `${response_id}_item`,
  delta,
})
const done = (id: string, status: ResponseStatus = 'completed', reason = ''): ServerEvent => ({
  type: 'response.done',
  response: { id, status, status_details: { reason } },
})
const ended = (response_id: string | null, item_id: string | null, outcome: 'interrupted' | 'silent', heard: string | null) =>
  ({ type: 'myna.turn.ended', response_id, item_id, outcome, heard }) as const

const reply = (transcript: Transcript): Reply => transcript.entries.findLast((entry) => entry.kind === 'reply') as Reply
const user = (transcript: Transcript): Utterance => transcript.entries.findLast((entry) => entry.kind === 'user') as Utterance

test('what is typed and what is answered stand one after the other', () => {
  const transcript = fed(typed('u1', '你好'), begun('r1'), words('r1', '你'), words('r1', '好！'), done('r1'))
  expect(transcript.entries.map((entry) => entry.text)).toEqual(['你好', '你好！'])
  expect(reply(transcript).state).toBe('done')
})

test('words appear as they are spoken, and stay in one place', () => {
  const transcript = fed(partial('u1', '今天天', 2), partial('u1', '今天天气', 3))
  expect(user(transcript)).toMatchObject({ text: '今天天气', stable: 3, partial: true })
  transcript.feed(spoken('u1'))
  transcript.feed(final('u1', '今天天气怎么样？'))
  expect(transcript.entries).toHaveLength(1)
  expect(user(transcript)).toMatchObject({ text: '今天天气怎么样？', partial: false })
})

test('a partial that comes after the final one changes nothing', () => {
  expect(user(fed(final('u1', 'Yes.'), partial('u1', 'Ye', 1)))).toMatchObject({ text: 'Yes.', partial: false })
})

test('a cough leaves nothing behind', () => {
  const silent = ended(null, 'u1', 'silent', null)
  expect(fed(partial('u1', '', 0), silent).entries).toEqual([])
  expect(fed(spoken('u1'), final('u1', ' ')).entries).toEqual([])
})

test('of an interrupted reply it is known what was heard', () => {
  const transcript = fed(begun('r1'), words('r1', '从前有座山，山里有座庙。'), done('r1'), ended('r1', null, 'interrupted', '从前有座山'))
  expect(reply(transcript)).toMatchObject({ state: 'interrupted', heard: '从前有座山' })
})

const LONG = 'x'.repeat(2000)

test('of a reply that has become long the pieces are gathered, and shown together after a while', () => {
  vi.useFakeTimers()
  const transcript = fed(begun('r1'), words('r1', 'x'), words('r1', LONG))
  expect(reply(transcript).text).toHaveLength(2001)
  transcript.feed(words('r1', 'y'))
  vi.advanceTimersByTime(19)
  transcript.feed(words('r1', 'z'))
  expect(reply(transcript).text).toHaveLength(2001)
  vi.advanceTimersByTime(2)
  expect(reply(transcript).text).toBe(`x${LONG}yz`)
})

test.each([
  ['ten thousand characters', 10_000, 10],
  ['a million', 1_000_000, 1],
])('with %s what is written is shown so often in a second, however many pieces come', (_, length, most) => {
  vi.useFakeTimers()
  const transcript = fed(begun('r1'), words('r1', 'x'.repeat(length)))
  const shown = new Set<number>()
  for (let piece = 0; piece < 1000; piece++) {
    transcript.feed(words('r1', 'y'))
    vi.advanceTimersByTime(1)
    shown.add(reply(transcript).text.length)
  }
  expect(shown.size - 1).toBeLessThanOrEqual(most)
  expect(shown.size).toBeGreaterThan(1)
})

test.each([
  ['it is done', [done('r1')]],
  ['it is stopped', [done('r1', 'cancelled', 'client_cancelled')]],
  ['it is interrupted', [ended('r1', null, 'interrupted', LONG)]],
  ['another one is written', [begun('r2'), words('r2', 'Hm.')]],
] as const)('what was gathered is there as soon as %s', (_, events) => {
  vi.useFakeTimers()
  const transcript = fed(begun('r1'), words('r1', LONG), words('r1', ' and so on'), ...events)
  expect(transcript.reply('r1')?.text).toBe(`${LONG} and so on`)
})

test('what was gathered for a conversation that was left is not shown in the next', () => {
  vi.useFakeTimers()
  const transcript = fed(begun('r1'), words('r1', LONG), words('r1', ' and so on'))
  transcript.clear()
  transcript.feed(begun('r2'))
  transcript.feed(words('r2', 'Hello.'))
  vi.advanceTimersByTime(2000)
  expect(transcript.entries.map(({ text }) => text)).toEqual(['Hello.'])
})

test('a reply that is withdrawn before its first word is gone', () => {
  expect(fed(begun('r1'), done('r1', 'cancelled', 'turn_detected')).entries).toEqual([])
})

test.each([
  ['cancelled', 'client_cancelled', 'stopped'],
  ['cancelled', 'turn_detected', 'interrupted'],
  ['incomplete', 'max_output_tokens', 'cut'],
] as const)('a reply that is %s by %s is told as %s', (status, reason, state) => {
  expect(reply(fed(begun('r1'), words('r1', 'One'), done('r1', status, reason))).state).toBe(state)
})

test('a reply that failed says why', () => {
  const error = { code: 'engine_unavailable', message: 'The LLM is not up.' }
  const failed: ServerEvent = { type: 'response.done', response: { id: 'r1', status: 'failed', status_details: { error } } }
  expect(reply(fed(begun('r1'), failed))).toMatchObject({ state: 'failed', problem: 'The LLM is not up.' })
})

test('a call belongs to its reply, from its start to its end', () => {
  const transcript = fed(
    begun('r1'),
    { type: 'myna.tool.started', response_id: 'r1', item_id: 'm1', call_id: 'c1', name: 'get_time', arguments: '{}', asks: true },
  )
  expect(reply(transcript).calls).toMatchObject([{ name: 'get_time', status: 'running', asks: true }])
  transcript.feed({ type: 'myna.tool.ended', response_id: 'r1', call_id: 'c1', status: 'ok', output: '18:05', took_ms: 3 })
  expect(reply(transcript).calls).toMatchObject([{ status: 'ok', asks: false, output: '18:05', took_ms: 3 }])
})

const started = (call_id: string): ServerEvent => ({
  type: 'myna.tool.started',
  response_id: 'r1',
  item_id: `${call_id}_item`,
  call_id,
  name: 'get_time',
  arguments: '{}',
  asks: false,
})
const over = (call_id: string, status: string, took_ms: number): ServerEvent => ({
  type: 'myna.tool.ended',
  response_id: 'r1',
  call_id,
  status,
  output: '',
  took_ms,
})

test('the calls of a reply go before its text when it is taken back: with the text what is left of them goes', () => {
  expect(reply(fed(begun('r1'), words('r1', 'Wait.'), started('c1'))).items).toEqual(['c1_item', 'r1_item'])
})

test('a reply that is withdrawn before its first word stays where its tools did something', () => {
  const withdrawn = done('r1', 'cancelled', 'turn_detected')
  expect(fed(begun('r1'), started('c1'), over('c1', 'cancelled', 0), withdrawn).entries).toEqual([])
  expect(fed(begun('r1'), started('c1'), over('c1', 'ok', 12), withdrawn).entries).toHaveLength(1)
})

test('a deleted reply is gone by the id of its message', () => {
  const transcript = fed(typed('u1', 'Hi'), begun('r1'), words('r1', 'Hello'), { type: 'conversation.item.deleted', item_id: 'r1_item' })
  expect(transcript.entries.map(({ id }) => id)).toEqual(['u1'])
})

test('a kept conversation is shown as it was: calls within their reply, and what was heard', () => {
  const transcript = new Transcript()
  const turn = 't1'
  transcript.load({
    messages: [
      { type: 'system', id: 's1' },
      { type: 'user', id: 'u1', turn, text: '几点了？' },
      { type: 'tool_call', id: 'm1', turn, call_id: 'c1', name: 'get_time', arguments: '{}' },
      { type: 'tool_result', id: 'm2', turn, call_id: 'c1', output: '18:05', failed: false },
      { type: 'assistant', id: 'm3', turn, text: '六点零五分，该吃饭了。', heard: '六点零五分', outcome: 'interrupted' },
    ],
  })
  expect(transcript.entries).toHaveLength(2)
  expect(reply(transcript)).toMatchObject({ items: ['m1', 'm3'], state: 'interrupted', heard: '六点零五分' })
  expect(reply(transcript).calls).toMatchObject([{ name: 'get_time', status: 'ok', output: '18:05' }])
})

test('a conversation with one turn twice is shown, each run by itself', () => {
  const transcript = new Transcript()
  const said = { turn: 't1', text: 'Yes.', heard: 'Yes.', outcome: 'completed' } as const
  transcript.load({
    messages: [
      { type: 'assistant', id: 'a1', ...said },
      { type: 'user', id: 'u1', turn: 't1', text: 'Really?' },
      { type: 'assistant', id: 'a2', ...said },
    ],
  })
  expect(transcript.entries.map(({ id }) => id)).toEqual(['a1', 'u1', 'a2'])
})

test('what goes wrong twice in a row is told once', () => {
  const transcript = new Transcript()
  for (const text of ['Full.', 'Full.', 'Gone.', 'Full.']) transcript.note(text)
  expect(transcript.entries.map(({ text }) => text)).toEqual(['Full.', 'Gone.', 'Full.'])
})

const said = (n: number, at?: string): KeptMessage => ({ type: 'user', id: `u${n}`, turn: `t${n}`, text: `${n}`, ...(at && { at }) })
const answered = (n: number): KeptMessage => ({
  type: 'assistant',
  id: `a${n}`,
  turn: `t${n}`,
  text: `${n}!`,
  heard: `${n}!`,
  outcome: 'completed',
})
const called = (n: number, type: 'call' | 'result'): KeptMessage =>
  type === 'call'
    ? { type: 'tool_call', id: `c${n}`, turn: `t${n}`, call_id: 'c', name: 'get_time', arguments: '{}' }
    : { type: 'tool_result', id: `o${n}`, turn: `t${n}`, call_id: 'c', output: '18:05', failed: false }
const ids = (transcript: Transcript) => transcript.entries.map(({ id }) => id)

test('what a message tells of its time is shown; what is said now is of now', () => {
  const transcript = new Transcript(() => '2026-11-22T09:30:00Z')
  transcript.load({ messages: [said(1, '2026-11-20T08:00:00Z'), answered(1)], previous: null })
  transcript.feed(typed('u2', 'Hi'))
  const times = transcript.entries.map((entry) => entry.kind !== 'note' && entry.at)
  expect(times).toEqual(['2026-11-20T08:00:00Z', '', '2026-11-22T09:30:00Z'])
})

test('older messages are put before those that are shown', () => {
  const transcript = new Transcript()
  transcript.load({ messages: [said(3), answered(3)], previous: 'page2' })
  expect(transcript.previous).toBe('page2')
  transcript.prepend({ messages: [said(1), answered(1), said(2), answered(2)], previous: null })
  expect(ids(transcript)).toEqual(['u1', 'a1', 'u2', 'a2', 'u3', 'a3'])
  expect(transcript.previous).toBeNull()
})

test.each([1, 2, 3])('a reply that a page cuts in two is shown whole, with the page before (%i)', (place) => {
  const whole = [said(1), called(1, 'call'), called(1, 'result'), answered(1), said(2)]
  const transcript = new Transcript()
  transcript.load({ messages: whole.slice(place), previous: 'page1' })
  expect(ids(transcript)).toEqual(['u2'])
  transcript.prepend({ messages: whole.slice(0, place), previous: null })
  expect(ids(transcript)).toEqual(['u1', 'c1', 'u2'])
  expect(reply(transcript)).toMatchObject({ text: '1!', calls: [{ status: 'ok', output: '18:05' }], items: ['c1', 'a1'] })
})

test('a reply that is longer than two pages is shown when its beginning comes', () => {
  const transcript = new Transcript()
  transcript.load({ messages: [called(1, 'result'), answered(1)], previous: 'page2' })
  transcript.prepend({ messages: [called(1, 'call')], previous: 'page1' })
  expect(ids(transcript)).toEqual([])
  transcript.prepend({ messages: [said(1)], previous: null })
  expect(ids(transcript)).toEqual(['u1', 'c1'])
})

test('after a lost line the newest page comes anew, and what was shown before it stays', () => {
  const transcript = new Transcript()
  transcript.load({ messages: [said(3), answered(3)], previous: 'page2' })
  transcript.prepend({ messages: [said(2), answered(2)], previous: 'page1' })
  transcript.load({ messages: [answered(2), said(3), answered(3), said(4)], previous: 'other' })
  expect(ids(transcript)).toEqual(['u2', 'a2', 'u3', 'a3', 'u4'])
  expect(transcript.previous).toBe('page1')
})

test('where nothing of what was shown comes again, all of it is another conversation', () => {
  const transcript = fed(typed('u1', 'Hi'))
  transcript.load({ messages: [said(7), answered(7)], previous: 'page1' })
  expect(ids(transcript)).toEqual(['u7', 'a7'])
  transcript.clear()
  expect([ids(transcript), transcript.previous]).toEqual([[], null])
})
