import { isKey } from '../api/rest'
import { preferences } from '../preferences.svelte'

/** The server says that it is still there every ten seconds; after so long without a word the line is dead. */
const SILENT_MS = 30_000
/** Of an event that has no end. */
const LONGEST = 1 << 20

/** Takes what a stream of server-sent events brings, piece by piece, and gives the data of each whole event. */
export class ServerEvents {
  #rest = ''

  feed(piece: string): string[] {
    const parts = (this.#rest + piece).split(/\r\n\r\n|\n\n|\r\r/)
    this.#rest = parts.pop() ?? ''
    if (this.#rest.length > LONGEST) throw new Error('an event without an end')
    return parts.map(dataOf).filter((data) => data !== null)
  }
}

function dataOf(event: string): string | null {
  const lines = event.split(/\r\n|\n|\r/)
  if (lines.some((line) => /^event: *error$/.test(line))) return null
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''))
  return data.length ? data.join('\n') : null
}

/**
 * Follow server-sent events with the key in a header, which a browser's own `EventSource` cannot send.
 *
 * Ends when the server ends it, when the line is silent or lost, or when `until` is aborted.
 */
export async function* follow<T>(path: string, until: AbortSignal): AsyncGenerator<T> {
  const headers = new Headers({ Accept: 'text/event-stream' })
  if (preferences.key && isKey(preferences.key)) headers.set('Authorization', `Bearer ${preferences.key}`)
  const silence = new AbortController()
  let timer = setTimeout(() => { silence.abort() }, SILENT_MS)
  try {
    const answer = await fetch(path, { headers, signal: AbortSignal.any([until, silence.signal]) })
    if (!answer.ok || !answer.body) return
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    const events = new ServerEvents()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => { silence.abort() }, SILENT_MS)
      for (const data of events.feed(value)) yield JSON.parse(data) as T
    }
  } catch {
    return // who asked finds out by asking again
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}
