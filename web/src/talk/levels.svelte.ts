import type { Levels, ServerEvent } from '../realtime/events'

/** When nothing has come for so long, no audio is sent. */
const STALE_MS = 600

/** What the server's ears show while audio is sent: ten times a second. */
export class LiveLevels {
  /** What was heard last; null: nothing is sent. */
  now = $state<Levels | null>(null)
  #stale: ReturnType<typeof setTimeout> | undefined

  feed(event: ServerEvent): void {
    if (event.type !== 'myna.levels') return
    this.now = event
    clearTimeout(this.#stale)
    this.#stale = setTimeout(() => {
      this.clear()
    }, STALE_MS)
  }

  clear(): void {
    clearTimeout(this.#stale)
    this.now = null
  }
}
