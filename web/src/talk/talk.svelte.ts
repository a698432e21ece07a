import { ask, get, Refused, socketAddress, socketProtocols, type Persona } from '../api/rest'
import { BrowserVoice } from '../audio/browser_voice'
import { Loudspeaker } from '../audio/loudspeaker'
import { Microphone, NoMicrophone, type Reason } from '../audio/microphone'
import { fromBase64, toBase64 } from '../audio/pcm'
import type { Progress } from '../audio/player'
import { preferences, type Preferences } from '../preferences.svelte'
import { Connection, type Closed, type Line } from '../realtime/connection'
import type { Emotion, ServerEvent, SessionPatch } from '../realtime/events'
import { emotionOf, EmotionsHeard } from './emotion'
import { Timings } from './timings.svelte'
import { Transcript, type Kept, type Reply, type Utterance } from './transcript.svelte'

/** Why nobody can be talked to, besides a line that comes back by itself. */
export type Trouble = 'key' | 'elsewhere' | 'refused' | null

const EVENTS = ['emotion', 'memory', 'outcome', 'playback', 'timing', 'tools', 'transcript']
const REPORT_EVERY_MS = 200
const MS_OF_SAMPLE = 1 / 24

/** One conversation, live: the line, the microphone, the loudspeaker and what is to be seen. */
export class Talk {
  readonly transcript = new Transcript()
  readonly timings = new Timings()
  persona = $state<Persona | null>(null)
  conversation = $state('')
  line = $state<Line>('closed')
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
  playing = $state(false)
  emotion = $state<Emotion>('calm')
  /** What was said while the line was lost, and is sent when it is back. */
  unsent = $state<string[]>([])
  /** The response that is being written, if any. */
  writing = $state<string | null>(null)
  readonly state = $derived<'idle' | 'listening' | 'thinking' | 'speaking'>(
    this.playing ? 'speaking' : this.hearing ? 'listening' : this.writing ? 'thinking' : 'idle',
  )

  readonly #loudspeaker = new Loudspeaker()
  readonly #microphone = new Microphone()
  readonly #browserVoice = new BrowserVoice()
  readonly #emotions = new EmotionsHeard()
  #connection: Connection | null = null
  #greeting = 0
  /** Which conversation it is of those that were begun: what comes late belongs to another one. */
  #begun = 0
  /** What is shown is all that there is of the conversation. */
  #whole = false
  /** The session is there, and knows what the user prefers. */
  #ready = false
  #reported_ms = 0
  #played: Progress = { reply: '', played_ms: 0, drained: true }
  /** The response whose audio still comes. */
  #sounding: string | null = null

  constructor() {
    this.#loudspeaker.onprogress = (progress) => {
      this.#progress(progress)
    }
    this.#browserVoice.onchange = () => {
      this.playing = this.#browserVoice.speaking
    }
    this.#microphone.onframe = (frame, rms) => {
      this.#frame(frame, rms)
    }
    this.#microphone.onlost = () => {
      this.#noMicrophone('missing')
    }
  }

  /**
   * Talk with a persona: in a conversation that there is, or a new one that begins with a greeting.
   *
   * @param greeting Which of the persona's.
   */
  async begin(persona: Persona, conversation = '', greeting = 0): Promise<void> {
    const unsent = conversation && conversation === this.conversation ? this.unsent : []
    this.end()
    Object.assign(this, { persona, conversation, unsent, emotion: emotionOf(persona.default_emotion) })
    this.#greeting = greeting
    const begun = this.#begun
    this.transcript.entries = []
    if (conversation) await this.#load()
    if (begun !== this.#begun) return // another one was begun meanwhile
    this.#whole = true
    const address = () => socketAddress(persona.id, this.conversation)
    this.#connection = new Connection(address, socketProtocols, {
      heard: (event) => {
        this.#heard(event)
      },
      line: (line, closed) => {
        this.#line(line, closed)
      },
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
    this.#connection?.close()
    this.#connection = null
    this.#silence()
    this.#emotions.clear()
    this.unsent = []
    Object.assign(this, { writing: null, hearing: false, trouble: null })
  }

  /** Once the user has touched the page it may sound: call this from there. */
  async touched(): Promise<void> {
    if (preferences.voice !== 'server' || this.#loudspeaker.opened) return
    try {
      await this.#loudspeaker.open()
      this.#loudspeaker.volume = preferences.volume
      if (preferences.loudspeaker) await this.#loudspeaker.useDevice(preferences.loudspeaker)
    } catch {
      return // replies are text then
    }
    this.#configure()
  }

  /** The user has chosen something else. */
  async preferred(change: Partial<Preferences>): Promise<void> {
    if ('voice' in change) this.#silence()
    this.#loudspeaker.volume = preferences.volume
    await this.touched()
    this.#configure()
    if ('loudspeaker' in change) await this.#loudspeaker.useDevice(preferences.loudspeaker).catch(() => undefined)
    if ('microphone' in change && this.microphone === 'on') {
      this.closeMicrophone()
      await this.openMicrophone()
    }
  }

  /** Tell the server what the user prefers. */
  #configure(): void {
    if (!this.#ready) return
    const speaks = preferences.voice === 'server' && this.#loudspeaker.opened
    const greets = speaks || preferences.voice !== 'server'
    const session: SessionPatch = {
      type: 'realtime',
      output_modalities: speaks ? ['audio'] : ['text'],
      audio: {
        input: {
          format: { type: 'audio/pcm', rate: 16000 },
          transcription: {},
          turn_detection: preferences.handsFree ? { type: 'semantic_vad' } : null,
        },
      },
      myna: { events: greets ? [...EVENTS, 'greeting'] : EVENTS, greeting: this.#greeting, allows_tools: true },
    }
    this.#connection?.send({ type: 'session.update', session })
  }

  /** Say something in writing; it waits where the line is lost. */
  say(text: string): void {
    this.stop()
    if (!this.#ready) {
      this.unsent.push(text)
      this.#connection?.retry()
      return
    }
    const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
    this.#connection?.send({ type: 'conversation.item.create', item })
    this.#connection?.send({ type: 'response.create' })
  }

  /** Stop the reply, written and spoken. */
  stop(): void {
    this.#report(true)
    if (this.writing) this.#connection?.send({ type: 'response.cancel', response_id: this.writing })
    else if (this.playing && !this.#browserVoice.speaking) this.#connection?.send({ type: 'output_audio_buffer.clear' })
    this.#silence()
  }

  /** Have the last utterance answered once more, in the place of its answer. */
  regenerate(reply: Reply): void {
    this.stop()
    if (reply.item) this.#connection?.send({ type: 'conversation.item.delete', item_id: reply.item })
    this.#connection?.send({ type: 'response.create' })
  }

  /** Say something else in the place of an utterance; what came after it is gone. */
  resend(utterance: Utterance, text: string): void {
    this.stop()
    const place = this.transcript.entries.findIndex(({ id }) => id === utterance.id)
    for (const entry of this.transcript.entries.slice(place)) {
      const item = entry.kind === 'reply' ? entry.item : entry.kind === 'user' ? entry.id : null
      if (item) this.#connection?.send({ type: 'conversation.item.delete', item_id: item })
    }
    this.say(text)
  }

  allow(call_id: string, allowed: boolean): void {
    this.#connection?.send({ type: 'myna.tool.allow', call_id, allowed })
  }

  // ------------------------------------------------------------------------------------------------------- microphone

  async openMicrophone(): Promise<void> {
    if (this.microphone !== 'off') return
    ;[this.microphone, this.noMicrophone, this.muted] = ['opening', null, false]
    try {
      await this.#microphone.open(preferences.microphone)
      this.microphone = 'on'
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
    this.held = true
  }

  /** Push-to-talk: the utterance is over. */
  release(): void {
    if (!this.held) return
    this.held = false
    this.#connection?.send({ type: 'input_audio_buffer.commit' })
    this.#connection?.send({ type: 'response.create' })
  }

  #frame(frame: Int16Array, rms: number): void {
    this.level = this.muted ? 0 : rms
    if (this.muted || (!preferences.handsFree && !this.held)) return
    if (this.#browserVoice.speaking) return // no echo canceller knows what it says
    this.#connection?.send({ type: 'input_audio_buffer.append', audio: toBase64(frame) })
  }

  #noMicrophone(reason: Reason): void {
    this.closeMicrophone()
    this.noMicrophone = reason
  }

  // ------------------------------------------------------------------------------------------------------ loudspeaker

  /** How loud the reply is right now, 0 to 1: for the mouth. Of the browser's voice nobody knows: it moves by itself. */
  loudness(): number {
    if (this.#browserVoice.speaking) return 0.05 + 0.05 * Math.sin(performance.now() / 70)
    return this.playing ? this.#loudspeaker.loudness() : 0
  }

  #progress(progress: Progress): void {
    this.#played = progress
    this.playing = !progress.drained || progress.reply === this.#sounding
    this.emotion = this.#emotions.at(progress.reply, progress.played_ms) ?? this.emotion
    this.#report(progress.drained)
  }

  get #language(): string {
    return this.persona?.language ?? ''
  }

  #report(now: boolean): void {
    const { reply, played_ms } = this.#played
    const time_ms = performance.now()
    if (!reply || (!now && time_ms - this.#reported_ms < REPORT_EVERY_MS)) return
    this.#reported_ms = time_ms
    const heard_ms = Math.max(0, Math.floor(played_ms - this.#loudspeaker.latency_ms))
    this.#connection?.send({ type: 'myna.playback.played', response_id: reply, audio_end_ms: heard_ms })
  }

  #silence(): void {
    if (this.#browserVoice.speaking) this.#browserVoice.stop()
    else if (this.playing) this.#loudspeaker.flush()
    this.playing = false
    this.#sounding = null
  }

  // ------------------------------------------------------------------------------------------------------------- line

  #line(line: Line, closed?: Closed): void {
    this.line = line
    if (line !== 'open') Object.assign(this, { hearing: false, writing: null })
    if (line === 'lost') this.#whole = false
    this.#ready = false
    if (line === 'closed' && closed) this.trouble = closed.code === 4409 ? 'elsewhere' : 'refused'
    if (line === 'lost' && closed && !closed.opened) void this.#whyNot()
  }

  /** A browser does not tell why a socket could not be opened. */
  async #whyNot(): Promise<void> {
    try {
      await ask('GET', 'api/personas')
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) return
      this.end()
      this.trouble = 'key'
    }
  }

  async #load(): Promise<void> {
    const begun = this.#begun
    try {
      const kept = await get<Kept>(`api/conversations/${encodeURIComponent(this.conversation)}`)
      if (begun === this.#begun) this.transcript.load(kept)
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.trouble = 'key'
    }
  }

  #heard(event: ServerEvent): void {
    this.transcript.feed(event)
    this.timings.feed(event)
    switch (event.type) {
      case 'session.created':
        void this.#created(event.session.myna.conversation)
        return
      case 'error':
        this.transcript.note(event.error.message)
        return
      case 'input_audio_buffer.speech_started':
      case 'input_audio_buffer.speech_stopped':
        this.hearing = event.type === 'input_audio_buffer.speech_started'
        return
      case 'response.created':
        this.writing = event.response.id
        return
      case 'response.done':
        if (this.writing === event.response.id) this.writing = null
        if (preferences.voice === 'browser') this.#browserVoice.finish(this.#language, preferences.volume)
        if (event.response.status === 'cancelled' || event.response.status === 'failed') this.#silence()
        return
      case 'myna.turn.ended':
        if (event.outcome === 'interrupted') this.#silence()
        return
      case 'response.output_text.delta':
        if (preferences.voice === 'browser') this.#browserVoice.say(event.delta, this.#language, preferences.volume)
        return
      case 'response.output_audio.delta': {
        const pcm = fromBase64(event.delta)
        this.#emotions.received(event.response_id, pcm.length * MS_OF_SAMPLE)
        this.#loudspeaker.play(event.response_id, pcm)
        this.#sounding = event.response_id
        this.playing = true
        return
      }
      case 'response.output_audio.done':
        this.#sounding = null
        if (this.#played.reply === event.response_id && this.#played.drained) this.playing = false
        return
      case 'myna.emotion':
        this.#emotions.mark(event.response_id, event.emotion)
        if (preferences.voice !== 'server') this.emotion = emotionOf(event.emotion)
        return
      case 'myna.playback.paused':
        this.#loudspeaker.pause()
        return
      case 'myna.playback.resumed':
        this.#loudspeaker.resume()
    }
  }

  /** The line is there. Of a conversation that goes on, what was missed is asked for. */
  async #created(conversation: string): Promise<void> {
    const begun = this.#begun
    this.conversation = conversation
    if (!this.#whole) await this.#load()
    if (begun !== this.#begun || this.line !== 'open') return // left, or lost again
    this.#whole = this.#ready = true
    this.#configure()
    const unsent = this.unsent.splice(0).join('\n')
    if (unsent) this.say(unsent)
  }
}
