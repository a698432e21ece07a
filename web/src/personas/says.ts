import { t } from '../language.svelte'

const SAYS: [RegExp, 'missing' | 'most' | 'least'][] = [
  [/^Field required$|at least 1 (?:character|item)/, 'missing'],
  [/less than or equal to (\S+)$/, 'most'],
  [/greater than (?:or equal to )?(\S+)$/, 'least'],
]

/** What the server says is wrong, in the language of the page where that is known. */
export function says(message: string): string {
  for (const [form, key] of SAYS) {
    const found = form.exec(message)
    if (found) return t(`persona.says.${key}`, { value: found[1] ?? '' })
  }
  return message && message.charAt(0).toUpperCase() + message.slice(1)
}
