import { ask, get, type Persona } from '../api/rest'
import type { Changes, EmotionStyle, Fields } from './fields'

/** A persona as it can be changed: docs/characters.md. */
export interface Editable {
  id: string
  /** A built-in one is not changed: one's own takes its place. What is changed of a card stands on top of it. */
  kept: 'built_in' | 'toml' | 'card' | 'program'
  editable: boolean
  replaces_built_in: boolean
  stamp: string
  picture: string | null
  /** Whether the picture is its own, and not that of its card. */
  uploaded: boolean
  fields: Fields
}

export interface Draft {
  /** Goes by an id that nobody else has. */
  persona: Persona
  /** What it would be kept under. */
  id: string
  /** What each of its emotions changes in its voice, in effect. */
  styles: Record<string, EmotionStyle>
}

export interface Voice {
  name: string
  languages: string[]
  gender: 'female' | 'male' | 'other'
}

export interface Prompt {
  messages: { role: 'system' | 'user' | 'assistant'; content: string }[]
  reminder: string
  tokens: number | null
}

export type ExportForm = 'png' | 'json' | 'charx' | 'toml'

const at = (id: string, part = ''): string => `api/personas/${encodeURIComponent(id)}${part}`
const match = (stamp: string | null): Record<string, string> => (stamp === null ? {} : { 'If-Match': `"${stamp}"` })
const told = async <T>(answer: Promise<Response>): Promise<T> => (await (await answer).json()) as T

/** @throws {Refused} */
export const readFields = (id: string): Promise<Editable> => get(at(id, '/fields'))

/** With a `stamp` only if nobody has changed it since; null overwrites. @throws {Refused} */
export const changeFields = (id: string, fields: Changes, stamp: string | null): Promise<Editable> =>
  told(ask('PATCH', at(id, '/fields'), { fields }, false, match(stamp)))

/** @param of The persona that it is a copy of, but for `fields`. @throws {Refused} */
export const create = (fields: Changes, of: string | null = null): Promise<Editable> =>
  told(ask('POST', 'api/personas', { fields, ...(of !== null && { of }) }))

/** One that is kept nowhere, and can be tried. @throws {Refused} */
export const draft = (fields: Changes, of: string | null): Promise<Draft> =>
  told(ask('POST', 'api/personas/drafts', { fields, ...(of !== null && { of }) }))

/** Deleted for good, even if the page is closed meanwhile. @throws {Refused} */
export const remove = (id: string): Promise<unknown> => ask('DELETE', at(id), undefined, true)

/** @throws {Refused} */
export const readPrompt = (id: string): Promise<Prompt> => get(at(id, '/prompt'))

/** @throws {Refused} */
export function givePicture(id: string, file: File, stamp: string): Promise<Editable> {
  const form = new FormData()
  form.set('file', file)
  return told(ask('PUT', at(id, '/avatar'), form, false, match(stamp)))
}

/** @throws {Refused} */
export const takePicture = (id: string, stamp: string): Promise<Editable> =>
  told(ask('DELETE', at(id, '/avatar'), undefined, false, match(stamp)))

/** A file for others. @throws {Refused} */
export const exported = (id: string, form: ExportForm): Promise<Response> => ask('GET', at(id, `/export?format=${form}`))

/** The voices that there are; null while the server has none, as when its engine still loads. */
export async function listVoices(): Promise<Voice[] | null> {
  try {
    return (await get<{ voices: Voice[] }>('api/voices')).voices
  } catch {
    return null
  }
}

/** The tools that the server has; none where it does not tell. */
export async function listTools(): Promise<string[]> {
  try {
    return (await get<{ tools?: { names: string[] } }>('health')).tools?.names ?? []
  } catch {
    return []
  }
}
