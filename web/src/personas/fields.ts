/** The fields of a persona, as the server tells and takes them: docs/personas.md. */
export interface Example {
  user: string
  assistant: string
}

/** Voices by name, with their weights. */
export type Blend = Record<string, number>

export interface BaseVoice {
  voice: Blend
  speed: number
  pitch: number
}

export interface EmotionStyle {
  voice: Blend | null
  speed: number
  pitch: number
}

export interface Emotions {
  default: string | null
  allowed: string[] | null
  styles: Record<string, EmotionStyle>
  aliases: Record<string, string>
}

export interface LoreEntry {
  name: string
  content: string
  keys: string[]
  constant: boolean
}

export interface Fields {
  id: string
  name: string
  language: string
  avatar: string
  greeting: string
  greetings: string[]
  system_prompt: string
  reminder: string
  language_hints: boolean
  examples: Example[]
  emotions: Emotions
  voice: BaseVoice
  tools: string[]
  acknowledgements: string[]
  memory_scope: 'shared' | 'persona'
  llm: { profile: 'fast' | 'balanced' | 'quality' | null; temperature: number | null; max_tokens: number | null }
  lorebook: { entries: LoreEntry[] } | null
  about: { creator: string; version: string; notes: string; tags: string[] }
}

export type Changes = Partial<Fields>

export const PLAIN_STYLE: EmotionStyle = { voice: null, speed: 1, pitch: 0 }
const VOICES = { en: 'af_heart', zh: 'zf_xiaobei' }

/** A persona that nobody has said anything of. */
export function blank(language: 'en' | 'zh'): Fields {
  return {
    id: '',
    name: '',
    language,
    avatar: '🙂',
    greeting: '',
    greetings: [],
    system_prompt: '',
    reminder: '',
    language_hints: false,
    examples: [],
    emotions: { default: null, allowed: null, styles: {}, aliases: {} },
    voice: { voice: { [VOICES[language]]: 1 }, speed: 1, pitch: 0 },
    tools: [],
    acknowledgements: [],
    memory_scope: 'shared',
    llm: { profile: null, temperature: null, max_tokens: null },
    lorebook: null,
    about: { creator: '', version: '', notes: '', tags: [] },
  }
}

/** Whether two values are the same, whatever the order of their keys. */
export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>]
  const names = Object.keys(left)
  return names.length === Object.keys(right).length && names.every((name) => name in right && same(left[name], right[name]))
}

const written = (text: string): boolean => text.trim() !== ''

/** What is meant: rows of lists that nothing was written into are nothing. */
export function meant(fields: Fields): Fields {
  const styles = Object.entries(fields.emotions.styles).filter(([name]) => written(name))
  const aliases = Object.entries(fields.emotions.aliases).filter(([alias, name]) => written(alias) && written(name))
  const allowed = fields.emotions.allowed?.filter(written) ?? []
  return {
    ...fields,
    greetings: fields.greetings.filter(written),
    examples: fields.examples.filter(({ user, assistant }) => written(user) || written(assistant)),
    tools: fields.tools.filter(written),
    acknowledgements: fields.acknowledgements.filter(written),
    emotions: {
      default: fields.emotions.default,
      allowed: allowed.length ? allowed : null,
      styles: Object.fromEntries(styles),
      aliases: Object.fromEntries(aliases),
    },
    about: { ...fields.about, tags: fields.about.tags.filter(written) },
  }
}

/** What is otherwise than it was: each field the whole of it. */
export function changesOf(before: Fields, now: Fields): Changes {
  const [was, is] = [meant(before), meant(now)]
  const names = (Object.keys(is) as (keyof Fields)[]).filter((name) => !same(was[name], is[name]))
  return Object.fromEntries(names.map((name) => [name, is[name]]))
}

/** What of a new persona is sent: all that somebody said, and what cannot be left out. */
export function begun(now: Fields): Changes {
  const language = now.language.startsWith('zh') ? 'zh' : 'en'
  const { name, language: spoken, voice } = now
  return { ...changesOf(blank(language), now), name, language: spoken, voice }
}

/** What is wrong with a field or anything in it, by what the server says of places. */
export function wrongIn(problems: Readonly<Record<string, string>>, place: string): string {
  const found = Object.entries(problems).find(([at]) => at === place || at.startsWith(`${place}.`))
  return found?.[1] ?? ''
}

/** `{{char}}` and `{{user}}` filled, as the server does when it keeps a text. */
export function filled(text: string, char: string, user: string): string {
  const names: Record<string, string> = { char, bot: char, user }
  return text
    .replace(/\{\{\s*(char|bot|user)\s*\}\}/gi, (_, name: string) => names[name.toLowerCase()] ?? '')
    .replace(/<(char|bot|user)>/gi, (_, name: string) => names[name.toLowerCase()] ?? '')
}
