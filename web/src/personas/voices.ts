import type { Blend } from './fields'
import type { Voice } from './server'

export interface VoiceGroup {
  /** An ISO 639-1 code; '' for all that are not of one. */
  language: string
  voices: Voice[]
}

/** The voices by their languages: first those of the persona's, then Chinese and English, then all others. */
export function grouped(voices: readonly Voice[], language: string): VoiceGroup[] {
  const first = [...new Set([language.split('-')[0] ?? '', 'zh', 'en'])].filter(Boolean)
  const groups = first.map((code) => ({ language: code, voices: voices.filter((voice) => voice.languages[0] === code) }))
  const others = voices.filter((voice) => !first.includes(voice.languages[0] ?? ''))
  return [...groups, { language: '', voices: others }].filter((group) => group.voices.length)
}

/** What a voice is called: of `zf_xiaobei` that is Xiaobei, as the letters before it say what `Voice` says too. */
export function called({ name }: Pick<Voice, 'name'>): string {
  const own = /^[a-z]{2}_(.+)$/.exec(name)?.[1] ?? name
  return own.charAt(0).toUpperCase() + own.slice(1)
}

/** A blend with another voice in the place of one; the weight stays. */
export function exchanged(blend: Blend, old: string, name: string): Blend {
  if (old !== name && name in blend) return blend
  return Object.fromEntries(Object.entries(blend).map(([voice, weight]) => [voice === old ? name : voice, weight]))
}

/** A blend with a voice less; the last one stays. */
export function without(blend: Blend, name: string): Blend {
  const rest = Object.entries(blend).filter(([voice]) => voice !== name)
  return rest.length ? Object.fromEntries(rest) : blend
}
