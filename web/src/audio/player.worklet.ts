import { Player, type Order } from './player'

const FADE_S = 0.005
/** Blocks of 128 samples between reports: at 24 kHz some 43 ms. */
const REPORT_EVERY = 8

class PlayerProcessor extends AudioWorkletProcessor {
  readonly #player = new Player(sampleRate, FADE_S * sampleRate)
  #blocks = 0
  #told = ''

  constructor() {
    super()
    this.port.onmessage = ({ data }: MessageEvent<Order>) => {
      this.#player.take(data)
    }
  }

  process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0]
    if (out) this.#player.fill(out)
    const progress = this.#player.progress()
    if (progress.drained || ++this.#blocks % REPORT_EVERY === 0) {
      const told = `${progress.reply} ${progress.played_ms}`
      if (told !== this.#told) this.port.postMessage(progress)
      this.#told = told
    }
    return true
  }
}

registerProcessor('myna-player', PlayerProcessor)
