import { SETTINGS } from '../i18n/settings'
import type { Setting } from './server'

/** A section of `myna.toml`; `general` is what stands above all of them. */
export interface Group<T> {
  section: string
  rows: T[]
}

const GENERAL = 'general'

export function sectionOf(name: string): string {
  const end = name.lastIndexOf('.')
  return end < 0 ? GENERAL : name.slice(0, end)
}

/** Whether it is one of those that people change. */
export function isUsual(name: string): boolean {
  return Object.hasOwn(SETTINGS, name)
}

/** By section, in the order that the server tells them. */
export function grouped<T extends { name: string }>(settings: T[]): Group<T>[] {
  const groups = new Map<string, T[]>()
  for (const setting of settings) {
    const section = sectionOf(setting.name)
    groups.set(section, [...(groups.get(section) ?? []), setting])
  }
  return [...groups].map(([section, rows]) => ({ section, rows }))
}

/** Those that have every word of what is searched for, in their name or in what is said of them. */
export function matching<T extends Pick<Setting, 'name'>>(settings: T[], wanted: string, about: (setting: T) => string): T[] {
  const words = wanted.toLowerCase().split(/\s+/u).filter(Boolean)
  return settings.filter((setting) => {
    const text = `${setting.name} ${about(setting)}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

const UNITS: Record<string, string> = { s: 's', ms: 'ms', mb: 'MB', mib: 'MiB' }
const CAPITALS = new Set(['https', 'vad', 'url', 'api', 'gpu', 'mcp', 'rms'])

/** A name in words, and the unit that it ends with: `hear_timeout_s` is "Hear timeout", in `s`. */
export function inWords(name: string): { title: string; unit: string } {
  const words = name.slice(name.lastIndexOf('.') + 1).split('_')
  const unit = words.length > 1 ? (UNITS[words.at(-1) ?? ''] ?? '') : ''
  if (unit) words.pop()
  const title = words.map((word) => (CAPITALS.has(word) ? word.toUpperCase() : word)).join(' ')
  return { title: title.charAt(0).toUpperCase() + title.slice(1), unit }
}
