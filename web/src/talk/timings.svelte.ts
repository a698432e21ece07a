import type { ServerEvent } from '../realtime/events'

/** When the stages of a turn were reached, in milliseconds since its utterance was over. */
export interface Turn {
  id: string
  stages: Record<string, number>
}

const MOST_TURNS = 50

/** How long the last turns took. */
export class Timings {
  turns = $state<Turn[]>([])

  feed(event: ServerEvent): void {
    if (event.type !== 'myna.timing') return
    const id = event.response_id ?? event.item_id
    if (id === null) return
    let turn = this.turns.findLast((known) => known.id === id || known.id === event.item_id)
    if (!turn) {
      this.turns.push({ id, stages: {} })
      turn = this.turns.at(-1)
      if (this.turns.length > MOST_TURNS) this.turns.shift()
    }
    if (turn) turn.stages[event.stage] = event.at_ms
  }
}
