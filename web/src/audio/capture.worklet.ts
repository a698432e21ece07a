import { Framer, type Heard } from './framer'

class Capture extends AudioWorkletProcessor {
  readonly #framer = new Framer(sampleRate, 16000, 20)

  process(inputs: Float32Array[][]): boolean {
    const mono = inputs[0]?.[0]
    if (mono) this.#framer.feed(mono, this.#tell)
    return true
  }

  readonly #tell = (frame: Int16Array<ArrayBuffer>): void => {
    let sum = 0
    for (const sample of frame) sum += sample * sample
    const rms = Math.sqrt(sum / frame.length) / 32768
    this.port.postMessage({ frame, rms } satisfies Heard, [frame.buffer])
  }
}

registerProcessor('myna-capture', Capture)
