import type { Changes } from './fields'

/** What was written of a persona and not saved, and what it was written on. */
export interface KeptDraft {
  stamp: string | null
  changes: Changes
}

const PLACE = 'myna.persona.'

const place = (id: string | null): string => PLACE + (id ?? '')

/** Keep it for this tab, as for a reload; null forgets it. */
export function keep(id: string | null, draft: KeptDraft | null): void {
  try {
    if (draft) sessionStorage.setItem(place(id), JSON.stringify(draft))
    else sessionStorage.removeItem(place(id))
  } catch {
    // a browser that keeps nothing, or has no room: leaving the page asks first
  }
}

export function kept(id: string | null): KeptDraft | null {
  try {
    const read: unknown = JSON.parse(sessionStorage.getItem(place(id)) ?? 'null')
    return typeof read === 'object' && read !== null && 'changes' in read ? (read as KeptDraft) : null
  } catch {
    return null
  }
}
