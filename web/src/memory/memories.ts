import { ask, get } from '../api/rest'
import type { Page } from '../lists/pages.svelte'

export const KINDS = ['fact', 'name', 'like', 'dislike', 'place', 'date', 'relation', 'health', 'plan', 'rule'] as const
export type Kind = (typeof KINDS)[number]

export interface Memory {
  id: string
  text: string
  kind: Kind
  pinned: boolean
  created_at: string
  uses: number
}

export interface Change {
  at: string
  change: 'added' | 'edited' | 'pinned' | 'unpinned' | 'forgotten'
  actor: 'user' | 'myna'
  memory: string
  /** Null where it was forgotten. */
  text: string | null
}

/** As the server takes it. */
export const LONGEST = 500
const PAGE = 100
const MOST_FOUND = 20
const MOST_CHANGES = 200

/** Where memories are asked for; a persona that keeps its own is named, '' are those that all share. */
function address(persona: string, id = '', query: Record<string, string> = {}): string {
  const asked = new URLSearchParams({ ...query, ...(persona && { persona }) }).toString()
  return `api/memories${id && `/${encodeURIComponent(id)}`}${asked && `?${asked}`}`
}

/** Some memories, the newest first. @throws {Refused} */
export async function listMemories(persona: string, after: string | null): Promise<Page<Memory>> {
  const query = { limit: String(PAGE), ...(after !== null && { after }) }
  const list = await get<{ memories: Memory[]; next: string | null }>(address(persona, '', query))
  return { items: list.memories, next: list.next }
}

/** The memories that are most like it, the best first. @throws {Refused} */
export async function searchMemories(persona: string, query: string): Promise<Memory[]> {
  const asked = address(persona, 'search', { q: query, limit: String(MOST_FOUND) })
  return (await get<{ memories: Memory[] }>(asked)).memories
}

/** What is remembered already, in the same words, comes back as it is. @throws {Refused} */
export async function addMemory(persona: string, text: string, kind: Kind): Promise<Memory> {
  return (await (await ask('POST', address(persona), { text, kind })).json()) as Memory
}

/** @throws {Refused} */
export async function changeMemory(persona: string, id: string, change: { text?: string; pinned?: boolean }): Promise<Memory> {
  return (await (await ask('PATCH', address(persona, id), change)).json()) as Memory
}

/** It is forgotten for good, even if the page is closed meanwhile. @throws {Refused} */
export async function forgetMemory(persona: string, id: string): Promise<void> {
  await ask('DELETE', address(persona, id), undefined, true)
}

/** How many there were, of all personas. @throws {Refused} */
export async function forgetEverything(): Promise<number> {
  return ((await (await ask('DELETE', 'api/memories?all=true')).json()) as { forgotten: number }).forgotten
}

/** What was done to the memories, the newest first. @throws {Refused} */
export async function listChanges(): Promise<Change[]> {
  return (await get<{ audit: Change[] }>(`api/memories/audit?limit=${MOST_CHANGES}`)).audit
}
