import type { Outcome, ServerEvent } from '../realtime/events'

/** Where a turn was. */
export interface Where {
  id: string
  persona: string
}

/** When the stages of a turn were reached, in milliseconds since its utterance was over. */
export interface Turn {
  id: string
  conversation: Where
  began_at: string
  /** None as long as it goes on. */
  outcome: Outcome | null
  stages: Record<string, number>
}

/** So many are shown. */
export const MOST_TURNS = 50

/** How long the last turns took. */
export class Timings {
  turns = $state<Turn[]>([])

  /** @param where The conversation that events are of. */
  constructor(private readonly where: () => Where) {}

  feed(event: ServerEvent): void {
    if (event.type !== 'myna.timing' && event.type !== 'myna.turn.ended') return
    if (event.response_id === null) return // what was said and is answered in a later turn
    const id = event.response_id.replace(/^resp_/, 'turn_')
    let turn = this.turns.findLast((known) => known.id === id)
    if (event.type === 'myna.turn.ended') {
      if (turn) turn.outcome = event.outcome
      return
    }
    if (!turn) {
      const began_at = new Date(Date.now() - event.at_ms).toISOString() // eslint-disable-line svelte/prefer-svelte-reactivity -- it is never changed
      this.turns.push({ id, conversation: this.where(), began_at, outcome: null, stages: {} })
      turn = this.turns.at(-1)
      if (this.turns.length > MOST_TURNS) this.turns.shift()
    }
    if (turn) turn.stages[event.stage] = event.at_ms
  }
}
