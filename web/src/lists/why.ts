import { Refused } from '../api/rest'
import { t } from '../language.svelte'

/** What to tell the user of an error. */
export function why(error: unknown): string {
  if (!(error instanceof Refused)) return String(error)
  return error.code === 'offline' ? t('error.offline') : `${error.message} ${error.hint}`.trim()
}
