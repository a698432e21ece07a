import { ask, get, Refused, socketAddress, socketProtocols, type Persona } from '../api/rest'
import { Microphone, NoMicrophone, type Reason } from '../audio/microphone'
import { toBase64 } from '../audio/pcm'
import { preferences, type Preferences } from '../preferences.svelte'
import { Connection, type Closed, type Line } from '../realtime/connection'
import type { ServerEvent } from '../realtime/events'
import { emotionOf } from './emotion'
import type { Kept } from './kept'
import { LiveLevels } from './levels.svelte'
import { Playback } from './playback.svelte'
import { Timings } from './timings.svelte'
import { Transcript, type Reply, type Utterance } from './transcript.svelte'
import { Typed } from './typed.svelte'
import { sessionOf } from './wishes'

/** Why nobody can be talked to, besides a line that comes back by itself. */
export type Trouble = 'key' | 'elsewhere' | 'refused' | null

/** The id of events that stop a reply. */
const STOP = 'stop'
/** Errors that show themselves: the line is closed, or what was typed is there already. */
const EXPECTED = new Set(['taken_over', 'item_create_duplicate_id'])
/** Who held the button for less has touched it by mistake. */
const SHORTEST_UTTERANCE_MS = 200
const FRAME_MS = 20
/** So many messages of a conversation are asked for at a time. */
const PAGE = 100

/** One conversation, live: the line, the microphone, what is heard and what is to be seen. */
export class Talk {
  readonly transcript = new Transcript()
  readonly timings = new Timings(() => ({ id: this.conversation, persona: this.persona?.id ?? '' }))
  readonly levels = new LiveLevels()
  readonly playback = new Playback((response_id, audio_end_ms) => {
    this.#connection?.send({ type: 'myna.playback.played', response_id, audio_end_ms })
  })
  readonly typed = new Typed((event) => this.#connection?.send(event) ?? false)
  persona = $state<Persona | null>(null)
  /** Which of the persona's greetings a new conversation begins with. */
  greeting = $state(0)
  conversation = $state('')
  /** The server has something of the conversation, so that a reload can go on in it. */
  kept = $state(false)
  /** Nothing of its conversations is kept. */
  private = false
  line = $state<Line>('closed')
  /** The session is there, and knows what the user prefers. */
  ready = $state(false)
  trouble = $state<Trouble>(null)
  microphone = $state<'off' | 'opening' | 'on'>('off')
  noMicrophone = $state<Reason | null>(null)
  /** The microphone is open, and nothing of it is sent. */
  muted = $state(false)
  /** Push-to-talk: the button is held. */
  held = $state(false)
  /** What the microphone hears, RMS, 0 to 1. */
  level = $state(0)
  /** The server hears somebody speak. */
  hearing = $state(false)
  /** What is being written, and is not said yet. */
  draft = $state('')
  /** The response that is being written, if any. */
  writing = $state<string | null>(null)
  readonly state = $derived<'idle' | 'listening' | 'thinking' | 'speaking'>(
    this.playback.playing ? 'speaking' : this.hearing ? 'listening' : this.writing ? 'thinking' : 'idle',
  )

  readonly #microphone = new Microphone()
  #watched = false
  #connection: Connection | null = null
  /** Which conversation it is of those that were begun: what comes late belongs to another one. */
  #begun = 0
  /** What is shown is all that there is of the conversation. */
  #whole = false
  #held_ms = 0

  constructor() {
    this.#microphone.onframe = (frame, rms) => {
      this.#frame(frame, rms)
    }
    this.#microphone.onlost = () => {
      this.#noMicrophone('missing')
    }
  }

  // ----------------------------------------------------------------------------------------------------- conversation

  /** Talk with a persona: in a conversation that there is, or a new one that begins with a greeting. */
  async begin(persona: Persona, conversation = '', greeting = 0): Promise<void> {
    // What waits for one conversation goes into another only if the user sends it.
    if (conversation !== this.conversation) this.#rewrite(this.typed.take())
    this.end()
    Object.assign(this, { persona, greeting, conversation, kept: conversation !== '' })
    this.playback.emotion = emotionOf(persona.default_emotion)
    this.transcript.clear()
    const begun = this.#begun
    if (conversation) await this.#load()
    if (begun !== this.#begun) return // another one was begun meanwhile
    this.#whole = true
    const address = () => socketAddress(persona.id, this.conversation, this.private)
    this.#connection = new Connection(address, socketProtocols, {
      heard: (event) => { this.#heard(event) },
      line: (line, closed) => { this.#line(line, closed) },
    })
    this.#connection.open()
  }

  /** Go on where the line was lost, or given up. */
  again(): void {
    if (this.line === 'lost') this.#connection?.retry()
    else if (this.persona) void this.begin(this.persona, this.conversation)
  }

  /** Leave the conversation. The microphone stays as it is. */
  end(): void {
    this.#begun++
    this.playback.reset()
    this.#connection?.close()
    this.#connection = null
    Object.assign(this, { writing: null, hearing: false, ready: false, trouble: null })
  }

  /** Once the user has touched the page it may sound: call this from there. */
  async touched(): Promise<void> {
    if (preferences.voice !== 'server') return
    const before = this.playback.opened
    try {
      await this.playback.open()
    } catch {
      return // replies are text then
    }
    if (!before) this.#configure()
  }

  /** The user has chosen something else. */
  async preferred(change: Partial<Preferences>): Promise<void> {
    if ('voice' in change) this.playback.stop(this.writing)
    this.playback.preferred()
    await this.touched()
    this.#configure()
    if ('loudspeaker' in change) await this.playback.useDevice()
    if ('microphone' in change && this.microphone === 'on') {
      this.closeMicrophone()
      await this.openMicrophone()
    }
  }

  /** Whether somebody looks at the levels: the server sends them only then. */
  watch(watched: boolean): void {
    if (watched === this.#watched) return
    this.#watched = watched
    if (!watched) this.levels.clear()
    this.#configure()
  }

  /** Tell the server what the user prefers. */
  #configure(): void {
    if (!this.ready) return
    const { voice, handsFree } = preferences
    const speaks = voice === 'server' && this.playback.opened
    const greeting = speaks || voice !== 'server' ? this.greeting : null // until it may sound
    const session = sessionOf({ speaks, greeting, watched: this.#watched, handsFree })
    this.#connection?.send({ type: 'session.update', session })
  }

  /** Say something in writing; it waits where the line is lost. */
  say(text: string): void {
    this.stop()
    this.typed.add(text)
    if (this.ready) this.typed.say(this.transcript.entries)
    else this.#connection?.retry()
  }

  /** What is not said is for the user to send, or not: it is there to be written on. */
  #rewrite(texts: readonly string[]): void {
    this.draft = [...texts, this.draft].filter(Boolean).join('\n')
  }

  /** Stop the reply, written and spoken. */
  stop(): void {
    const { stoppable } = this.playback
    this.playback.stop(this.writing)
    const event_id = STOP
    if (this.writing) this.#connection?.send({ type: 'response.cancel', response_id: this.writing, event_id })
    else if (stoppable) this.#connection?.send({ type: 'output_audio_buffer.clear', event_id })
  }

  /** Have the last utterance answered once more, in the place of its answer. Only while `ready`. */
  regenerate(reply: Reply): void {
    if (!this.ready) return
    this.stop()
    this.#forget(reply.items)
    this.#connection?.send({ type: 'response.create' })
  }

  /** Say something else in the place of an utterance; what came after it is gone. Only while `ready`. */
  resend(utterance: Utterance, text: string): void {
    if (!this.ready) return
    this.stop()
    const place = this.transcript.entries.findIndex(({ id }) => id === utterance.id)
    for (const entry of this.transcript.entries.slice(place))
      this.#forget(entry.kind === 'reply' ? entry.items : entry.kind === 'user' ? [entry.id] : [])
    this.say(text)
  }

  /**
   * Show the messages before those that are shown: some at least, if there are any.
   *
   * @throws {Refused}
   */
  async earlier(): Promise<void> {
    const begun = this.#begun
    const { transcript } = this
    const shown = transcript.entries.length
    while (transcript.previous !== null && transcript.entries.length === shown) {
      const place = transcript.previous
      const kept = await this.#page(place)
      if (begun !== this.#begun || place !== transcript.previous) return // left, or loaded anew
      transcript.prepend(kept)
    }
  }

  #forget(items: readonly string[]): void {
    for (const item_id of items) this.#connection?.send({ type: 'conversation.item.delete', item_id })
  }

  allow(call_id: string, allowed: boolean): void {
    this.#connection?.send({ type: 'myna.tool.allow', call_id, allowed })
  }

  // ------------------------------------------------------------------------------------------------------- microphone

  async openMicrophone(): Promise<void> {
    if (this.microphone !== 'off') return
    ;[this.microphone, this.noMicrophone, this.muted] = ['opening', null, false]
    try {
      if (await this.#microphone.open(preferences.microphone)) this.microphone = 'on'
    } catch (error) {
      this.#noMicrophone(error instanceof NoMicrophone ? error.reason : 'failed')
    }
  }

  closeMicrophone(): void {
    this.#microphone.close()
    Object.assign(this, { microphone: 'off', level: 0, held: false })
    this.#connection?.send({ type: 'input_audio_buffer.clear' })
  }

  /** Push-to-talk: what is said from now on is sent; a reply that still runs is stopped. */
  hold(): void {
    if (this.held || this.microphone !== 'on' || preferences.handsFree) return
    this.stop()
    this.#connection?.send({ type: 'input_audio_buffer.clear' })
    this.#held_ms = 0
    this.held = true
  }

  /** Push-to-talk: the utterance is over. */
  release(): void {
    if (!this.held) return
    this.held = false
    if (this.#held_ms < SHORTEST_UTTERANCE_MS) {
      this.#connection?.send({ type: 'input_audio_buffer.clear' })
      return
    }
    this.#connection?.send({ type: 'input_audio_buffer.commit' })
    this.#connection?.send({ type: 'response.create' })
  }

  #frame(frame: Int16Array, rms: number): void {
    this.level = this.muted ? 0 : rms
    if (!this.ready || this.muted || this.playback.browserSpeaks) return
    if (!preferences.handsFree && !this.held) return
    if (this.#connection?.send({ type: 'input_audio_buffer.append', audio: toBase64(frame) })) this.#held_ms += FRAME_MS
  }

  #noMicrophone(reason: Reason): void {
    this.closeMicrophone()
    this.noMicrophone = reason
  }

  // ------------------------------------------------------------------------------------------------------------- line

  #line(line: Line, closed?: Closed): void {
    this.line = line
    if (line !== 'open') Object.assign(this, { hearing: false, writing: null, held: false })
    if (line === 'lost') {
      this.#whole = false
      this.playback.lost()
    }
    this.ready = false
    if (closed) this.typed.lost()
    else if (line === 'closed') this.typed.closed()
    if (line === 'closed' && closed) this.trouble = closed.code === 4409 ? 'elsewhere' : 'refused'
    if (line === 'lost' && closed && !closed.opened) void this.#whyNot()
  }

  /** A browser does not tell why a socket could not be opened. */
  async #whyNot(): Promise<void> {
    const begun = this.#begun
    try {
      await ask('GET', 'api/personas')
    } catch (error) {
      if (begun !== this.#begun || !(error instanceof Refused) || error.status !== 401) return
      this.end()
      this.trouble = 'key'
    }
  }

  /** The page of messages before a place, or the newest. */
  #page(before: string | null): Promise<Kept> {
    const place = before === null ? '' : `&before=${encodeURIComponent(before)}`
    return get<Kept>(`api/conversations/${encodeURIComponent(this.conversation)}?limit=${PAGE}${place}`)
  }

  async #load(): Promise<void> {
    const begun = this.#begun
    try {
      const kept = await this.#page(null)
      if (begun !== this.#begun) return
      this.transcript.load(kept)
      if (!this.transcript.entries.length) await this.earlier() // one long reply
    } catch (error) {
      if (begun !== this.#begun || !(error instanceof Refused)) return
      if (error.status === 401) this.trouble = 'key'
      if (error.status === 404) this.kept = false
    }
  }

  /** The line is there. Of a conversation that goes on, what was missed is asked for. */
  async #created(conversation: string): Promise<void> {
    const begun = this.#begun
    this.conversation = conversation
    if (!this.#whole && this.kept) await this.#load()
    if (begun !== this.#begun || this.line !== 'open') return // left, or lost again
    this.#whole = this.ready = true
    this.#configure()
    this.typed.say(this.transcript.entries)
  }

  #heard(event: ServerEvent): void {
    this.transcript.feed(event)
    this.timings.feed(event)
    this.levels.feed(event)
    const refused = this.typed.feed(event)
    if (refused !== null) this.#rewrite([refused])
    switch (event.type) {
      case 'session.created':
        void this.#created(event.session.myna.conversation)
        return
      case 'error':
        // Before the session is there the line says it; and a reply may have ended before it could be stopped.
        if (this.ready && event.error.event_id !== STOP && !EXPECTED.has(event.error.code)) {
          this.transcript.note(event.error.message)
        }
        return
      case 'input_audio_buffer.speech_started':
      case 'input_audio_buffer.speech_stopped':
        this.hearing = event.type === 'input_audio_buffer.speech_started'
        return
      case 'response.created':
        this.writing = event.response.id
        this.playback.begun(event.response.id)
        return
      case 'response.output_text.delta':
        this.playback.text(event.response_id, event.delta, this.persona?.language ?? '')
        return
      case 'response.output_audio.delta':
        this.playback.audio(event.response_id, event.delta)
        return
      case 'response.output_audio.done':
        this.playback.audioDone(event.response_id)
        return
      case 'response.done': {
        const { id, status } = event.response
        if (this.writing === id) this.writing = null
        if (status === 'cancelled' || status === 'failed') this.playback.ended(id)
        else this.playback.written(id, this.persona?.language ?? '')
        return
      }
      case 'conversation.item.added':
        this.kept = true
        return
      case 'myna.turn.ended':
        this.kept = true
        if (event.outcome === 'interrupted' && event.response_id) this.playback.ended(event.response_id)
        return
      case 'myna.emotion':
        this.playback.emotes(event.response_id, event.emotion)
        return
      case 'myna.playback.paused':
        this.playback.pause(event.response_id)
        return
      case 'myna.playback.resumed':
        this.playback.resume()
    }
  }
}
