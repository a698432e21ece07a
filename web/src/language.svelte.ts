import { en, zh, type Key } from './i18n'
import { preferences } from './preferences.svelte'

export type Language = 'en' | 'zh'

/** The language of the page. */
export function language(): Language {
  if (preferences.language !== 'auto') return preferences.language
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

/** A text of the page; `{name}` in it stands for a value. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const texts: Partial<Record<Key, string>> = language() === 'zh' ? zh : en
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}
