/** The whole sentences that a text begins with, and what is left: a sentence is whole when the next one has begun. */
export function sentences(text: string): { whole: string[]; rest: string } {
  const found = [...new Intl.Segmenter(undefined, { granularity: 'sentence' }).segment(text)].map(({ segment }) => segment)
  const rest = found.pop() ?? ''
  return { whole: found.filter((sentence) => /[\p{L}\p{N}]/u.test(sentence)), rest }
}

/** What Markdown puts between words, and no voice should read. */
const MARKS = /```[\s\S]*?(```|$)|[*_~`#>|]+|\]\([^)\s]*\)|[![]+(?=[^\]]*\]\()/g

/** Speaks with the voice of the browser, sentence by sentence, as they come. */
export class BrowserVoice {
  /** Whether it speaks has changed. */
  onchange: () => void = () => undefined
  #rest = ''
  #left = 0

  get speaking(): boolean {
    return this.#left > 0
  }

  /** More of a reply, in a language like `zh`. */
  say(text: string, language: string, volume: number): void {
    const { whole, rest } = sentences(this.#rest + text)
    this.#rest = rest
    for (const sentence of whole) this.#speak(sentence, language, volume)
  }

  /** The reply is written. */
  finish(language: string, volume: number): void {
    if (this.#rest.trim()) this.#speak(this.#rest, language, volume)
    this.#rest = ''
  }

  stop(): void {
    this.#rest = ''
    this.#left = 0
    if ('speechSynthesis' in globalThis) speechSynthesis.cancel()
    this.onchange()
  }

  #speak(sentence: string, language: string, volume: number): void {
    const text = sentence.replace(MARKS, ' ').trim()
    if (!text || !('speechSynthesis' in globalThis)) return
    const speech = new SpeechSynthesisUtterance(text)
    Object.assign(speech, { lang: language === 'zh' ? 'zh-CN' : language, volume })
    const said = (): void => {
      this.#left = Math.max(0, this.#left - 1)
      this.onchange()
    }
    speech.onend = said
    speech.onerror = said
    this.#left++
    speechSynthesis.speak(speech)
    this.onchange()
  }
}
