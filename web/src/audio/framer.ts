/** What the microphone hears, in frames of 20 ms: 16-bit at 16 kHz, with their loudness (RMS, 0 to 1). */
export interface Heard {
  frame: Int16Array<ArrayBuffer>
  rms: number
}

/** Resamples to a lower rate with a windowed-sinc low-pass, in pieces of any size, and cuts the result into frames. */
export class Framer {
  // Positions count in 1/to of a sample, so that nothing is rounded.
  readonly #from: number
  readonly #to: number
  readonly #taps: Float32Array
  readonly #phases: number
  #past: Float32Array
  #at: number
  #frame: Int16Array<ArrayBuffer>
  #filled = 0

  constructor(from: number, to: number, frame_ms: number, half = 16, phases = 64) {
    this.#from = from
    this.#to = to
    this.#phases = phases
    const width = Math.ceil(half * Math.max(1, from / to))
    this.#taps = new Float32Array((2 * width + 1) * phases)
    const cut = 0.46 * Math.min(1, to / from) * 2
    for (let phase = 0; phase < phases; phase++) {
      let sum = 0
      for (let tap = -width; tap <= width; tap++) {
        const x = tap - phase / phases
        const sinc = x === 0 ? cut : Math.sin(Math.PI * cut * x) / (Math.PI * x)
        const hann = Math.abs(x) > width ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * x) / width)
        sum += this.#taps[phase * (2 * width + 1) + tap + width] = sinc * hann
      }
      for (let tap = 0; tap <= 2 * width; tap++) {
        const place = phase * (2 * width + 1) + tap
        this.#taps[place] = (this.#taps[place] ?? 0) / sum
      }
    }
    this.#past = new Float32Array(2 * width)
    this.#at = width * to
    this.#frame = new Int16Array(Math.round((to * frame_ms) / 1000))
  }

  feed(samples: Float32Array, emit: (frame: Int16Array<ArrayBuffer>) => void): void {
    const all = new Float32Array(this.#past.length + samples.length)
    all.set(this.#past)
    all.set(samples, this.#past.length)
    const length = this.#taps.length / this.#phases
    const width = (length - 1) / 2
    for (;;) {
      const whole = Math.floor(this.#at / this.#to)
      if (whole + width >= all.length) break
      const phase = Math.floor(((this.#at % this.#to) * this.#phases) / this.#to)
      let sum = 0
      for (let tap = 0; tap < length; tap++) sum += (all[whole - width + tap] ?? 0) * (this.#taps[phase * length + tap] ?? 0)
      this.#frame[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(sum * 32767)))
      if (this.#filled === this.#frame.length) {
        const full = this.#frame
        this.#frame = new Int16Array(full.length) // before it is given away: a buffer that was transferred is empty
        this.#filled = 0
        emit(full)
      }
      this.#at += this.#from
    }
    const kept = Math.min(all.length, Math.floor(this.#at / this.#to) - width)
    this.#past = all.slice(kept)
    this.#at -= kept * this.#to
  }
}
