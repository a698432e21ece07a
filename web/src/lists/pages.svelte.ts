/** A part of a list, and whether there is more behind it. */
export interface Page<T> {
  items: T[]
  more: boolean
}

/**
 * A list that is fetched a page at a time, the newest first.
 *
 * It goes on behind the last thing that it has, not behind what the server named at that time: that may have been deleted
 * since, and behind what is not there the server has nothing. What turns up twice, since it moved meanwhile, is there once.
 */
export class Pages<T extends { id: string }> {
  items = $state<T[]>([])
  more = $state(false)
  /** The first page has come. */
  loaded = $state(false)
  readonly #fetch: (after: string | null) => Promise<Page<T>>
  #loads = 0

  constructor(fetch: (after: string | null) => Promise<Page<T>>) {
    this.#fetch = fetch
  }

  /**
   * Begin anew. What is there stays until the answer has come; an answer that was asked for earlier is dropped.
   *
   * @throws {Refused}
   */
  async load(): Promise<void> {
    const load = ++this.#loads
    const page = await this.#fetch(null)
    if (load !== this.#loads) return
    ;[this.items, this.more, this.loaded] = [page.items, page.more, true]
  }

  /**
   * Fetch on until something is new, or nothing is left.
   *
   * @throws {Refused}
   */
  async next(): Promise<void> {
    const load = this.#loads
    let after = this.items.at(-1)?.id ?? null
    for (;;) {
      const page = await this.#fetch(after)
      if (load !== this.#loads) return
      const known = this.items.map(({ id }) => id)
      const fresh = page.items.filter(({ id }) => !known.includes(id))
      this.items.push(...fresh)
      this.more = page.more
      after = page.items.at(-1)?.id ?? null
      if (fresh.length || !page.more || after === null) return
    }
  }

  change(id: string, change: Partial<T>): void {
    const found = this.items.find((item) => item.id === id)
    if (found) Object.assign(found, change)
  }

  drop(id: string): void {
    this.items = this.items.filter((item) => item.id !== id)
  }
}
