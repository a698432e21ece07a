import { locale } from '../lists/locale'
import type { Progress } from './catalog'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** So many bytes, with three figures: `492 MB`. */
export function bytes(count: number, language = locale()): string {
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), UNITS.length - 1)
  const number = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(count / 1000 ** power)
  return `${number} ${UNITS[power] ?? 'B'}`
}

/** So many seconds, in the largest unit that they fill. */
export function duration(seconds: number, language = locale()): string {
  const [unit, each] = seconds < 60 ? (['second', 1] as const) : seconds < 3600 ? (['minute', 60] as const) : (['hour', 3600] as const)
  const format = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: unit === 'hour' ? 1 : 0 })
  return format.format(Math.max(1, seconds / each))
}

/** How far all of a pull is; null while the size of some of it is not known. */
export function together(models: Progress[]): { done: number; size: number } | null {
  if (!models.length || models.some(({ size }) => !size)) return null
  return {
    done: models.reduce((sum, { done }) => sum + done, 0),
    size: models.reduce((sum, { size }) => sum + size, 0),
  }
}
