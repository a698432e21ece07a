import type { Emotion } from '../realtime/events'

const NAMES = new Map<string, Emotion>([
  ['开心', 'happy'],
  ['happy', 'happy'],
  ['生气', 'angry'],
  ['angry', 'angry'],
  ['悲伤', 'sad'],
  ['sad', 'sad'],
  ['惊讶', 'surprised'],
  ['surprised', 'surprised'],
  ['撒娇', 'coquettish'],
  ['coquettish', 'coquettish'],
  ['平静', 'calm'],
  ['calm', 'calm'],
])

/** The emotion by any of its names; null: a persona has added it. */
export function knownEmotion(name: string): Emotion | null {
  return NAMES.get(name.toLowerCase()) ?? null
}

/** The face for an emotion; calm for those that a persona has added. */
export function emotionOf(name: string): Emotion {
  return knownEmotion(name) ?? 'calm'
}

/** When which emotion is heard: replies are written ahead of what is played. */
export class EmotionsHeard {
  #marks: { reply: string; from_ms: number; emotion: Emotion }[] = []
  #received_ms = new Map<string, number>()

  /** A reply goes on with an emotion, from its next audio on. */
  mark(reply: string, name: string): void {
    this.#marks.push({ reply, from_ms: this.#received_ms.get(reply) ?? 0, emotion: emotionOf(name) })
  }

  /** So much more of its audio has come. */
  received(reply: string, ms: number): void {
    this.#received_ms.set(reply, (this.#received_ms.get(reply) ?? 0) + ms)
  }

  /** The emotion of what is played now; null: it has none yet. Forgets the replies before it. */
  at(reply: string, played_ms: number): Emotion | null {
    const first = this.#marks.findIndex((mark) => mark.reply === reply)
    if (first > 0) this.#marks.splice(0, first)
    return this.#marks.findLast((mark) => mark.reply === reply && mark.from_ms <= played_ms)?.emotion ?? null
  }

  clear(): void {
    this.#marks = []
    this.#received_ms.clear()
  }
}
