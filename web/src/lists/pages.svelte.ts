/** A part of a list, and what to ask for to get the next one; null: there is none. */
export interface Page<T> {
  items: T[]
  next: string | null
}

/**
 * A list that is fetched a page at a time, the newest first.
 *
 * What turns up twice, since it moved meanwhile, is there once.
 */
export class Pages<T extends { id: string }> {
  items = $state<T[]>([])
  #next = $state<string | null>(null)
  readonly more = $derived(this.#next !== null)
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
    ;[this.items, this.#next, this.loaded] = [page.items, page.next, true]
  }

  /**
   * Fetch on until something is new, or nothing is left.
   *
   * @throws {Refused}
   */
  async next(): Promise<void> {
    const load = this.#loads
    while (this.#next !== null) {
      const page = await this.#fetch(this.#next)
      if (load !== this.#loads) return
      const known = this.items.map(({ id }) => id)
      const fresh = page.items.filter(({ id }) => !known.includes(id))
      this.items.push(...fresh)
      this.#next = page.next
      if (fresh.length) return
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
