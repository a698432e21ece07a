/** How long nothing is typed before it is searched. */
export const PAUSE_MS = 250

/** A search while it is typed: what is found, of the newest words alone. */
export class Searching<T> {
  /** What was found; null: nothing is searched for. */
  found = $state<T[] | null>(null)
  /** The words that were searched for. */
  query = $state('')
  readonly #find: (query: string) => Promise<T[]>
  readonly #failed: (error: unknown) => void
  #wanted = ''
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(find: (query: string) => Promise<T[]>, failed: (error: unknown) => void) {
    this.#find = find
    this.#failed = failed
  }

  /** The words are so now. Without any, the search is over at once. */
  type(text: string): void {
    const wanted = text.trim()
    if (wanted === this.#wanted) return
    this.#wanted = wanted
    clearTimeout(this.#timer)
    if (wanted) this.#timer = setTimeout(() => void this.run(), PAUSE_MS)
    else [this.found, this.query] = [null, '']
  }

  /** Search, also what was searched already. */
  async run(): Promise<void> {
    clearTimeout(this.#timer)
    const wanted = this.#wanted
    if (!wanted) return
    try {
      const found = await this.#find(wanted)
      if (wanted === this.#wanted) [this.found, this.query] = [found, wanted]
    } catch (error) {
      if (wanted === this.#wanted) this.#failed(error)
    }
  }
}
