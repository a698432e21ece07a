import { floats } from './pcm'
import type { Order, Progress } from './player'
import playerUrl from './player.worklet.ts?worker&url'

/** What replies come as, in Hz. */
export const RATE = 24000

/** What a media element holds back of what it was given. */
const HELD_BACK_MS = 50
/** Until then it has played what it held back when the player fell silent. */
const SILENT_MS = 150

/** The loudness is that of so many samples, 43 ms; so it is half as old as they are. */
const WINDOW = 1024
/** What is drawn is seen so much later. */
const DRAWN_MS = 16
/** Headphones without a cable may hold back a third of a second. */
const LONGEST_S = 1
/** A latency that changes by less is the same. */
const NEAR_S = 0.005

/** Plays replies, and says how far they are. */
export class Loudspeaker {
  onprogress: (progress: Progress) => void = () => undefined
  #opening: Promise<void> | null = null
  #context: AudioContext | null = null
  #node: AudioWorkletNode | null = null
  #gain: GainNode | null = null
  #analyser: AnalyserNode | null = null
  #delay: DelayNode | null = null
  #silent: ReturnType<typeof setTimeout> | undefined
  #volume = 1
  #closed = false
  #samples = new Float32Array(new ArrayBuffer(4 * WINDOW))
  /** Through a media element: Chrome's echo canceller hears what elements play, and no plain WebAudio. */
  readonly #element = new Audio()

  /**
   * Make it ready, and go on where a call, say, has stopped it. Browsers let a page sound only once the user has touched
   * it: call it from there.
   *
   * @throws What the browser has against it; or it was closed.
   */
  async open(): Promise<void> {
    this.#ensureNotClosed()
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null
      throw error
    })
    await this.#opening
    if (this.#context?.state !== 'running') await this.#context?.resume()
    if (this.#element.paused) await this.#element.play()
  }

  /** It is dropped for good, and holds nothing of the browser's any more. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#silent)
    this.#element.pause()
    this.#element.srcObject = null
    void this.#context?.close()
    this.#context = this.#node = this.#gain = this.#analyser = this.#delay = null
  }

  get opened(): boolean {
    return this.#node !== null
  }

  /** 0 to 1. Not the element's own, which phones of Apple's leave as it is. */
  set volume(volume: number) {
    this.#volume = volume
    if (this.#gain) this.#gain.gain.value = volume
  }

  /** So much later than the player says is something heard. */
  get latency_ms(): number {
    return HELD_BACK_MS + 1000 * (this.#context?.outputLatency ?? 0)
  }

  /** Use another output; '' is the usual one. Where the browser cannot choose, it stays as it is. */
  async useDevice(id: string): Promise<void> {
    if ('setSinkId' in this.#element) await this.#element.setSinkId(id)
  }

  play(reply: string, pcm: Int16Array): void {
    const samples = floats(pcm)
    this.#tell({ do: 'append', reply, samples }, [samples.buffer])
  }

  /** Fall silent at once; `resume` goes on where it was. */
  pause(): void {
    clearTimeout(this.#silent)
    this.#element.muted = true // else what the element holds back is heard
    this.#tell({ do: 'pause' })
  }

  resume(): void {
    this.#element.muted = false
    this.#tell({ do: 'resume' })
  }

  /** Fall silent at once, and forget what was not played. */
  flush(): void {
    clearTimeout(this.#silent)
    this.#element.muted = true
    this.#silent = setTimeout(() => (this.#element.muted = false), SILENT_MS)
    this.#tell({ do: 'flush' })
  }

  /** How loud is what is heard right now, 0 to 1 (RMS over 43 ms): that was played a while ago. */
  loudness(): number {
    if (!this.#analyser || !this.#delay || this.#element.muted) return 0
    const delay_s = Math.min(LONGEST_S, Math.max(0, this.latency_ms - DRAWN_MS - (500 * WINDOW) / RATE) / 1000)
    if (Math.abs(this.#delay.delayTime.value - delay_s) > NEAR_S) this.#delay.delayTime.value = delay_s
    this.#analyser.getFloatTimeDomainData(this.#samples)
    let sum = 0
    for (const sample of this.#samples) sum += sample * sample
    return Math.sqrt(sum / this.#samples.length)
  }

  #tell(order: Order, moved: Transferable[] = []): void {
    this.#node?.port.postMessage(order, moved)
  }

  async #open(): Promise<void> {
    const context = (this.#context ??= new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' }))
    await context.audioWorklet.addModule(playerUrl)
    this.#ensureNotClosed()
    const node = new AudioWorkletNode(context, 'myna-player', { numberOfInputs: 0, outputChannelCount: [1] })
    node.port.onmessage = ({ data }: MessageEvent<Progress>) => {
      this.onprogress(data)
    }
    const delay = new DelayNode(context, { maxDelayTime: LONGEST_S })
    const analyser = new AnalyserNode(context, { fftSize: WINDOW })
    const gain = new GainNode(context, { gain: this.#volume })
    const out = context.createMediaStreamDestination()
    node.connect(gain).connect(out)
    node.connect(delay).connect(analyser)
    this.#element.srcObject = out.stream
    await context.resume()
    await this.#element.play()
    this.#ensureNotClosed()
    ;[this.#node, this.#analyser, this.#delay, this.#gain] = [node, analyser, delay, gain]
  }

  #ensureNotClosed(): void {
    if (this.#closed) throw new Error('the loudspeaker was closed')
  }
}
