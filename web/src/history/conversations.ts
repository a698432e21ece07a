import { ask, get, type ListedConversation } from '../api/rest'
import type { Page } from '../lists/pages.svelte'

/** A message that was found. */
export interface FoundMessage {
  conversation: { id: string; persona: string; title: string }
  message: { id: string; type: string }
  snippet: string
  at: string
}

/** What it takes to go on with a conversation. */
export type Opened = Pick<ListedConversation, 'id' | 'persona'>
export type Form = 'markdown' | 'json'

const PAGE = 50
const MOST_FOUND = 50

/** An id that a client chose may have slashes in it. */
function address(id: string): string {
  return `api/conversations/${encodeURIComponent(id)}`
}

/** Some conversations, those that were talked in last first. @throws {Refused} */
export async function listConversations(after: string | null): Promise<Page<ListedConversation>> {
  const behind = after === null ? '' : `&after=${encodeURIComponent(after)}`
  const list = await get<{ conversations: ListedConversation[]; next: string | null }>(`api/conversations?limit=${PAGE}${behind}`)
  return { items: list.conversations, next: list.next }
}

/** The messages that have all these words. @throws {Refused} */
export async function searchConversations(query: string): Promise<FoundMessage[]> {
  const asked = new URLSearchParams({ q: query, limit: String(MOST_FOUND) })
  return (await get<{ found: FoundMessage[] }>(`api/conversations/search?${asked}`)).found
}

/** Give it a title; the one that it has then, in one line, comes back. @throws {Refused} */
export async function renameConversation(id: string, title: string): Promise<string> {
  const answer = await ask('PATCH', address(id), { title })
  return ((await answer.json()) as { title: string }).title
}

/** The whole conversation as a file. @throws {Refused} */
export function exportConversation(id: string, form: Form): Promise<Response> {
  return ask('GET', `${address(id)}/export?format=${form}`)
}

/** Keep an exported conversation as a new one. @throws {Refused} @throws {SyntaxError} It is no JSON. */
export async function importConversation(file: Blob): Promise<Opened> {
  const answer = await ask('POST', 'api/conversations/import', JSON.parse(await file.text()) as object)
  return (await answer.json()) as Opened
}

/** It is deleted for good, even if the page is closed meanwhile. @throws {Refused} */
export async function deleteConversation(id: string): Promise<void> {
  await ask('DELETE', address(id), undefined, true)
}
