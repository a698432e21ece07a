import { SvelteSet } from 'svelte/reactivity'
import { Refused } from '../api/rest'

/** How long what was removed can be taken back. */
export const UNDO_MS = 8_000

export interface Removal {
  id: string
  /** What the user knows it by. */
  name: string
  /** Something stays in its place, which is not out of sight. */
  stays?: boolean
}

interface Ways {
  /** The server is to remove it; called at once when the page is left, so the request has to outlive the page. */
  send: (id: string) => Promise<unknown>
  /** It is gone for good. */
  gone: (id: string) => void
  /** It is not gone, and can be seen again. */
  failed: (error: unknown) => void
}

/** On their way to the server; whoever lists anew meanwhile is not to see them come back. */
const SENT = new SvelteSet<string>()

/**
 * What is to be removed: out of sight at once, gone when the time to take it back has run out or the page is left.
 *
 * The time begins anew with each removal and each undo, for all of them: as long as something can be taken back, all can,
 * the newest first.
 */
export class Removals {
  /** What can be taken back, the oldest first. */
  waiting = $state<Removal[]>([])
  /** Another number each time the time begins anew. */
  round = $state(0)
  readonly #ways: Ways
  #timer: ReturnType<typeof setTimeout> | undefined
  #held = false

  constructor(ways: Ways) {
    this.#ways = ways
  }

  hides(id: string): boolean {
    return SENT.has(id) || this.waiting.some((each) => each.id === id && !each.stays)
  }

  remove(removal: Removal): void {
    if (this.hides(removal.id) || this.waiting.some(({ id }) => id === removal.id)) return
    this.waiting.push(removal)
    this.#begin()
  }

  /** Take the newest back. */
  undo(): Removal | undefined {
    const newest = this.waiting.pop()
    this.#begin()
    return newest
  }

  /** The time stands still, as while somebody is about to press the button; or goes on, from the beginning. */
  hold(held: boolean): void {
    this.#held = held
    this.#begin()
  }

  /** They are gone already, by another way. */
  forget(): void {
    this.waiting = []
    this.#begin()
  }

  /** The time is over. The requests are on their way when this returns its promise. */
  async flush(): Promise<void> {
    const due = this.waiting
    this.forget()
    await Promise.all(due.map((each) => this.#send(each)))
  }

  async #send({ id, stays }: Removal): Promise<void> {
    if (!stays) SENT.add(id)
    try {
      await this.#ways.send(id)
      this.#ways.gone(id)
    } catch (error) {
      if (error instanceof Refused && error.status === 404) this.#ways.gone(id)
      else this.#ways.failed(error)
    } finally {
      SENT.delete(id)
    }
  }

  #begin(): void {
    clearTimeout(this.#timer)
    this.round += 1
    if (!this.waiting.length) this.#held = false // the button that was under the pointer has gone
    else if (!this.#held) this.#timer = setTimeout(() => void this.flush(), UNDO_MS)
  }
}
