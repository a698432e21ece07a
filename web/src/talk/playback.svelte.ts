import { BrowserVoice } from '../audio/browser_voice'
import { Loudspeaker } from '../audio/loudspeaker'
import { fromBase64 } from '../audio/pcm'
import type { Progress } from '../audio/player'
import { preferences } from '../preferences.svelte'
import type { Emotion } from '../realtime/events'
import { emotionOf, EmotionsHeard } from './emotion'

const REPORT_EVERY_MS = 200
const MS_OF_SAMPLE = 1 / 24

/** What is heard of the replies of one session, and what the face shows meanwhile. */
export class Playback {
  playing = $state(false)
  emotion = $state<Emotion>('calm')
  readonly #loudspeaker = new Loudspeaker()
  readonly #browserVoice = new BrowserVoice()
  readonly #emotions = new EmotionsHeard()
  /** The responses of this session: the server knows no others. */
  readonly #responses = new Set<string>() // eslint-disable-line svelte/prefer-svelte-reactivity -- nothing is drawn of it
  /** Those that were stopped: what still comes of them is late. */
  readonly #stopped = new Set<string>() // eslint-disable-line svelte/prefer-svelte-reactivity -- the same
  /** The response whose audio still comes. */
  #coming: string | null = null
  #paused = false
  #progress: Progress = { reply: '', played_ms: 0, drained: true }
  #reported_ms = 0
  #ends: ReturnType<typeof setTimeout> | undefined

  /** @param report Tells the server that so much of a response was heard. */
  constructor(private readonly report: (response: string, heard_ms: number) => void) {
    this.#loudspeaker.onprogress = (progress) => {
      this.#progress = progress
      this.#tell()
      const heard_ms = progress.drained ? progress.played_ms : this.#heard_ms // nothing more is told after the end
      this.emotion = this.#emotions.at(progress.reply, heard_ms) ?? this.emotion
      this.reportNow(progress.drained)
    }
    this.#browserVoice.onchange = () => {
      this.playing = this.#browserVoice.speaking
    }
  }

  /** Whether the page may sound. */
  get opened(): boolean {
    return this.#loudspeaker.opened
  }

  /** Make it sound, or sound again; the user has touched the page. @throws What the browser has against it. */
  async open(): Promise<void> {
    const before = this.opened
    await this.#loudspeaker.open()
    if (before) return
    this.preferred()
    await this.useDevice()
  }

  /** It is dropped for good; `reset` comes before. */
  close(): void {
    this.#loudspeaker.close()
  }

  preferred(): void {
    this.#loudspeaker.volume = preferences.volume
  }

  /** Use the loudspeaker that the user prefers; where that is gone, the one that there is. */
  async useDevice(): Promise<void> {
    await this.#loudspeaker.useDevice(preferences.loudspeaker).catch(() => undefined)
  }

  /** Whether the browser's own voice speaks, of which no echo canceller knows. */
  get browserSpeaks(): boolean {
    return this.#browserVoice.speaking
  }

  /** How loud it is right now, 0 to 1: for the mouth. Of the browser's voice nobody knows: it moves by itself. */
  loudness(): number {
    if (this.#browserVoice.speaking) return 0.05 + 0.05 * Math.sin(performance.now() / 70)
    return this.playing ? this.#loudspeaker.loudness() : 0
  }

  // ---------------------------------------------------------------------------------------- what the server tells

  begun(response: string): void {
    this.#responses.add(response)
  }

  /** More of how it sounds, as base64. */
  audio(response: string, delta: string): void {
    if (this.#stopped.has(response)) return
    const pcm = fromBase64(delta)
    this.#emotions.received(response, pcm.length * MS_OF_SAMPLE)
    this.#loudspeaker.play(response, pcm)
    this.#coming = response
    this.#plays(true)
  }

  audioDone(response: string): void {
    if (this.#coming === response) this.#coming = null
    this.#tell()
  }

  /** More of what it says, for the browser's voice. */
  text(response: string, delta: string, language: string): void {
    if (preferences.voice === 'browser' && !this.#stopped.has(response))
      this.#browserVoice.say(delta, language, preferences.volume)
  }

  /** It is written. */
  written(response: string, language: string): void {
    if (preferences.voice === 'browser' && !this.#stopped.has(response))
      this.#browserVoice.finish(language, preferences.volume)
  }

  emotes(response: string, name: string): void {
    this.#emotions.mark(response, name)
    if (preferences.voice !== 'server' || !this.opened) this.emotion = emotionOf(name)
  }

  pause(response: string): void {
    if (!this.#sounds || response !== this.#current) return
    this.#paused = true
    this.#loudspeaker.pause()
  }

  resume(): void {
    this.#paused = false
    this.#loudspeaker.resume()
  }

  /** It was interrupted, or has failed. */
  ended(response: string): void {
    if (response === this.#current || response === this.#coming) this.stop(response)
  }

  // ----------------------------------------------------------------------------------------------- what is asked

  /** Whether something of this session can still be heard, so that the server can stop it. */
  get stoppable(): boolean {
    return this.playing && !this.#browserVoice.speaking && this.#responses.has(this.#current)
  }

  /** Fall silent; of what is heard, and of this response, nothing follows. */
  stop(response: string | null): void {
    this.reportNow(true)
    for (const each of [response, this.#coming, this.#progress.drained ? null : this.#progress.reply])
      if (each) this.#stopped.add(each)
    this.#browserVoice.stop()
    this.#loudspeaker.flush()
    this.#coming = null
    this.#paused = false
    this.#plays(false)
  }

  /** The line is lost: what came is still heard, unless it was paused for somebody who spoke. */
  lost(): void {
    this.#responses.clear()
    this.#coming = null
    if (this.#paused) this.stop(null)
    else if (!this.#browserVoice.speaking) this.#tell()
  }

  /** Another conversation begins. */
  reset(): void {
    this.stop(null)
    this.#responses.clear()
    this.#stopped.clear()
    this.#emotions.clear()
  }

  /** Tell the server how far it is. Not each time, unless it is said so. */
  reportNow(now: boolean): void {
    const time_ms = performance.now()
    if (!this.#responses.has(this.#progress.reply) || (!now && time_ms - this.#reported_ms < REPORT_EVERY_MS)) return
    this.#reported_ms = time_ms
    this.report(this.#progress.reply, Math.max(0, Math.floor(this.#heard_ms)))
  }

  /** So much of what is played has been heard by now. */
  get #heard_ms(): number {
    return this.#progress.played_ms - this.#loudspeaker.latency_ms
  }

  /** Whether it is heard: what was played last is heard a little later. */
  #tell(): void {
    if (this.#sounds) this.#plays(true)
    else if (this.playing) this.#ends ??= setTimeout(() => this.#plays(false), this.#loudspeaker.latency_ms)
  }

  #plays(playing: boolean): void {
    clearTimeout(this.#ends)
    this.#ends = undefined
    this.playing = playing
  }

  /** What is heard now, or will be next. */
  get #current(): string {
    return this.#progress.drained ? (this.#coming ?? this.#progress.reply) : this.#progress.reply
  }

  get #sounds(): boolean {
    return !this.#progress.drained || this.#coming !== null
  }
}
