import type { Key } from '../i18n'
import { en } from '../i18n'
import { t } from '../language.svelte'

/** What a kind of engine does; one that nobody here knows goes by its own name. */
export function kindOf(kind: string): string {
  return said(`engines.kind.${kind}`, kind)
}

/** Where something stands, in words. */
export function stateOf(status: string): string {
  return said(`engines.state.${status}`, status)
}

function said(key: string, otherwise: string): string {
  return Object.hasOwn(en, key) ? t(key as Key) : otherwise
}
