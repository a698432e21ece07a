import { preferences } from '../preferences.svelte'

/** Why a request was not done; `code` as in docs/http.md, or `offline`. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint = '',
    /** What is wrong with each field of what was sent, by its place, where the server tells. */
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(message)
  }
}

export interface Persona {
  id: string
  name: string
  language: string
  avatar: string
  picture: string | null
  greeting: string
  greetings: string[]
  emotions: string[]
  default_emotion: string
  /** Whether the other personas share what it remembers. */
  memory_scope: 'shared' | 'persona'
  tags: string[]
  built_in: boolean
}

export interface ListedConversation {
  id: string
  persona: string
  title: string
  preview: string
  messages: number
  changed_at: string
}

interface Told {
  code?: string
  message?: string
  hint?: string
  fields?: Record<string, string>
}

/** Whether a text can be sent as a key; none can be, too. */
export function isKey(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text)
}

const LONGEST_MS = 30_000
/** The server itself gives up on an import, its slowest work, after two minutes. */
const LONGEST_CHANGE_MS = 150_000

/**
 * Ask the server.
 *
 * @param keepalive The request is sent even if the page is closed right now.
 * @param besides Headers to send besides.
 * @throws {Refused}
 */
export async function ask(
  method: string,
  path: string,
  body?: object,
  keepalive = false,
  besides: Record<string, string> = {},
): Promise<globalThis.Response> {
  const headers = new Headers(besides)
  if (!isKey(preferences.key)) throw new Refused(401, 'invalid_api_key', '')
  if (preferences.key) headers.set('Authorization', `Bearer ${preferences.key}`)
  if (body && !(body instanceof FormData)) headers.set('Content-Type', 'application/json')
  const sent = body instanceof FormData ? body : body && JSON.stringify(body)
  let answer: globalThis.Response
  try {
    answer = await fetch(path, {
      method,
      headers,
      keepalive,
      signal: AbortSignal.timeout(method === 'GET' ? LONGEST_MS : LONGEST_CHANGE_MS),
      ...(sent !== undefined && { body: sent }),
    })
  } catch {
    throw new Refused(0, 'offline', '')
  }
  if (answer.ok) return answer
  const told = (await answer.json().catch(() => ({}))) as { error?: Told }
  const { code = '', message = answer.statusText, hint, fields } = told.error ?? {}
  throw new Refused(answer.status, code, message, hint, fields)
}

/** The JSON that the server answers with. */
export async function get<T>(path: string): Promise<T> {
  return (await (await ask('GET', path)).json()) as T
}

/** Where the socket is. */
export function socketAddress(persona: string, conversation: string, keepsNothing = false): string {
  const address = new URL('v1/realtime', document.baseURI)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  if (persona) address.searchParams.set('model', `myna/${persona}`)
  if (conversation) address.searchParams.set('conversation', conversation)
  if (keepsNothing) address.searchParams.set('private', 'true')
  return address.href
}

/** The subprotocols of the socket: browsers can set no header, so the key is among them. */
export function socketProtocols(): string[] {
  return preferences.key && isKey(preferences.key) ? ['realtime', `openai-insecure-api-key.${preferences.key}`] : ['realtime']
}
