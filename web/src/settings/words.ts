import { SECTIONS, SETTINGS } from '../i18n/settings'
import { language, t } from '../language.svelte'
import { inWords, isUsual } from './groups'
import type { Field, Json } from './schema'

/** What the page calls a setting, and the unit of its value. */
export function titleOf(name: string): { title: string; unit: string } {
  const words = inWords(name)
  return language() === 'zh' && isUsual(name) ? { ...words, title: SETTINGS[name]?.title ?? words.title } : words
}

/** What a setting does. */
export function aboutOf({ name, field }: { name: string; field: Field }): string {
  return language() === 'zh' && isUsual(name) ? (SETTINGS[name]?.about ?? '') : field.about
}

/** `en` on a page of another language, where that says nothing of its own of this setting. */
export function languageOf(name: string): string | undefined {
  return language() === 'zh' && !isUsual(name) ? 'en' : undefined
}

/** For what the server says, which is English. */
export function serverLanguage(): string | undefined {
  return language() === 'zh' ? 'en' : undefined
}

/** For what `why` told: what the server said, or the page itself. */
export function problemLanguage(problem: string): string | undefined {
  return problem === t('error.offline') ? undefined : serverLanguage()
}

export function sectionTitle(section: string): string {
  return Object.hasOwn(SECTIONS, section) ? (SECTIONS[section]?.[language()] ?? section) : section
}

export function languageOfSection(section: string): string | undefined {
  return language() === 'zh' && !Object.hasOwn(SECTIONS, section) ? 'en' : undefined
}

/** A value as it is told. */
export function told(value: Json): string {
  if (value === null || value === '') return t('server.none')
  if (typeof value === 'boolean') return t(value ? 'server.on' : 'server.off')
  if (Array.isArray(value)) return value.length ? value.map(String).join(', ') : t('server.none')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
