/** What the player is told. Samples are mono, -1 to 1, at the rate of its context. */
export type Order =
  | { do: 'append'; reply: string; samples: Float32Array<ArrayBuffer> }
  | { do: 'pause' | 'resume' | 'flush' }

/** How far it is: so much of a reply has been played. `drained`: nothing is left to play. */
export interface Progress {
  reply: string
  played_ms: number
  drained: boolean
}

interface Piece {
  reply: string
  samples: Float32Array
}

/** Plays pieces one after another without a gap; falls silent and comes back within `fade` samples, without a click. */
export class Player {
  #queue: Piece[] = []
  #next = 0
  #paused = false
  /** So many pieces are to be forgotten, once they have faded out. */
  #doomed = 0
  #gain = 0
  #reply = ''
  #played = 0

  /**
   * @param rate Samples a second.
   * @param fade So many samples from loud to silent.
   */
  constructor(
    private readonly rate: number,
    private readonly fade: number,
  ) {}

  take(order: Order): void {
    if (order.do === 'append') this.#queue.push({ reply: order.reply, samples: order.samples })
    else if (order.do === 'flush') [this.#doomed, this.#paused] = [this.#queue.length, false]
    else this.#paused = order.do === 'pause'
  }

  /** Fill `out`, which is silent, with what comes next. */
  fill(out: Float32Array): void {
    if (!this.#queue.length) this.#gain = 0 // what comes next fades in
    const wanted = this.#paused || this.#doomed ? 0 : 1
    for (let place = 0; place < out.length; place++) {
      if (this.#gain === 0 && wanted === 0) break
      const piece = this.#queue[0]
      if (!piece) break
      if (piece.reply !== this.#reply) [this.#reply, this.#played] = [piece.reply, 0]
      const step = 1 / this.fade
      this.#gain = wanted ? Math.min(1, this.#gain + step) : Math.max(0, this.#gain - step)
      out[place] = (piece.samples[this.#next++] ?? 0) * this.#gain
      this.#played++
      if (this.#next >= piece.samples.length) {
        this.#queue.shift()
        this.#next = 0
        if (this.#doomed) this.#doomed--
      }
    }
    if (this.#doomed && this.#gain === 0) {
      this.#queue.splice(0, this.#doomed)
      this.#doomed = this.#next = 0
    }
  }

  progress(): Progress {
    return { reply: this.#reply, played_ms: (1000 * this.#played) / this.rate, drained: !this.#queue.length }
  }
}
