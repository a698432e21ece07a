import { ask } from '../api/rest'
import { Loudspeaker } from '../audio/loudspeaker'
import { preferences } from '../preferences.svelte'

const OF = 'preview'
/** Speech at its usual loudness (RMS about 0.1) opens the mouth wide. */
const WIDE = 9

/** A persona's voice, heard before it is kept. */
export class Hearing {
  state = $state<'silent' | 'waiting' | 'playing'>('silent')
  /** How far the mouth is open, 0 to 1. */
  mouth = $state(0)
  readonly #loudspeaker = new Loudspeaker()
  #asked = 0
  #coming = false
  /** Nothing of what has come is left to play; that is told once. */
  #drained = false
  #frame = 0

  constructor() {
    this.#loudspeaker.onprogress = ({ drained }) => {
      this.#drained = drained
      if (drained && !this.#coming && this.state === 'playing') this.#silent()
    }
  }

  /** Have the persona of this id say a text with an emotion; whatever it says is stopped. @throws {Refused} */
  async say(persona: string, emotion: string, text: string): Promise<void> {
    this.stop()
    const asked = ++this.#asked
    this.state = 'waiting'
    this.#coming = true
    try {
      await this.#loudspeaker.open()
      this.#loudspeaker.volume = preferences.volume
      await this.#loudspeaker.useDevice(preferences.loudspeaker).catch(() => undefined)
      const input = emotion ? `[${emotion}] ${text}` : text
      const answer = await ask('POST', 'v1/audio/speech', { model: `myna/${persona}`, input, response_format: 'pcm' })
      let begun = false
      for await (const samples of samplesOf(answer)) {
        if (asked !== this.#asked) return
        if (!begun) this.#begin()
        begun = true
        this.#drained = false
        this.#loudspeaker.play(`${OF}-${asked}`, samples)
      }
      if (asked !== this.#asked) return
      this.#coming = false
      if (!begun || this.#drained) this.#silent() // nothing came, or it was played before the answer ended
    } catch (error) {
      if (asked !== this.#asked) return
      this.stop()
      throw error
    }
  }

  stop(): void {
    this.#asked++
    if (this.state === 'playing') this.#loudspeaker.flush()
    this.#silent()
  }

  /** It is dropped for good. */
  close(): void {
    this.stop()
    this.#loudspeaker.close()
  }

  #begin(): void {
    this.state = 'playing'
    const move = (): void => {
      this.mouth = Math.min(1, WIDE * this.#loudspeaker.loudness())
      this.#frame = requestAnimationFrame(move)
    }
    this.#frame = requestAnimationFrame(move)
  }

  #silent(): void {
    cancelAnimationFrame(this.#frame)
    ;[this.state, this.mouth, this.#coming] = ['silent', 0, false]
  }
}

/** The 16-bit samples of an answer as they come; a piece may end within one. */
export async function* samplesOf(answer: Response): AsyncGenerator<Int16Array> {
  const reader = answer.body?.getReader()
  if (!reader) return
  let rest = new Uint8Array(0)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const bytes = new Uint8Array(rest.length + value.length)
      bytes.set(rest)
      bytes.set(value, rest.length)
      const whole = bytes.length - (bytes.length % 2)
      rest = bytes.slice(whole)
      if (whole) yield new Int16Array(bytes.buffer.slice(0, whole))
    }
  } finally {
    await reader.cancel()
  }
}
