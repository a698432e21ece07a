/** What belongs to one day, in the time of whoever looks. */
export interface Day<T> {
  /** Such as `2026-11-22`. */
  date: string
  label: string
  items: T[]
}

/** The items by the day of their time, the newest first; `locale` as `Intl` takes it. */
export function byDay<T>(items: readonly T[], time: (item: T) => string, now: Date, locale: string): Day<T>[] {
  const days = new Map<string, Day<T>>()
  const timed = items.map((item) => ({ item, at: new Date(time(item)) }))
  for (const { item, at } of timed.toSorted((one, other) => other.at.getTime() - one.at.getTime())) {
    const date = dateOf(at)
    const day = days.get(date) ?? { date, label: labelOf(at, now, locale), items: [] }
    day.items.push(item)
    days.set(date, day)
  }
  return [...days.values()]
}

/**
 * The day that begins with an item, by the place of the item; `times` are in order, and empty where nobody knows.
 *
 * Where all are of today no day is told.
 */
export function dayBreaks(times: readonly string[], now: Date, locale: string): Map<number, { date: string; label: string }> {
  const breaks = new Map<number, { date: string; label: string }>()
  let day = ''
  for (const [place, time] of times.entries()) {
    const at = new Date(time)
    if (!time || dateOf(at) === day) continue
    day = dateOf(at)
    breaks.set(place, { date: day, label: labelOf(at, now, locale) })
  }
  if (breaks.size === 1 && day === dateOf(now)) breaks.clear()
  return breaks
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** The format of a name and a locale; to make one takes longer than all that it is then used for. */
function format(name: string, locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const known = formats.get(`${name} ${locale}`) ?? new Intl.DateTimeFormat(locale, options)
  formats.set(`${name} ${locale}`, known)
  return known
}

/** A time of the day. */
export function clock(at: string, locale: string): string {
  return format('clock', locale, { hour: 'numeric', minute: '2-digit' }).format(new Date(at))
}

/** A day and its time, long. */
export function fully(at: string, locale: string): string {
  return format('full', locale, { dateStyle: 'full', timeStyle: 'short' }).format(new Date(at))
}

/** A day and its time, short. */
export function moment(at: string, now: Date, locale: string): string {
  const date = new Date(at)
  if (dateOf(date) === dateOf(now)) return clock(at, locale)
  const year = date.getFullYear() === now.getFullYear() ? {} : ({ year: 'numeric' } as const)
  return new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', ...year }).format(date)
}

function dateOf(at: Date): string {
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, '0')).join('-')
}

function labelOf(at: Date, now: Date, locale: string): string {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1)
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  const [today, before] = [relative.format(0, 'day'), relative.format(-1, 'day')]
  if (dateOf(at) === dateOf(now)) return capital(today, locale)
  if (dateOf(at) === dateOf(yesterday)) return capital(before, locale)
  const year = at.getFullYear() === now.getFullYear() ? {} : ({ year: 'numeric' } as const)
  return new Intl.DateTimeFormat(locale, { weekday: 'long', month: 'long', day: 'numeric', ...year }).format(at)
}

function capital(text: string, locale: string): string {
  return text.slice(0, 1).toLocaleUpperCase(locale) + text.slice(1)
}
