import { t } from '../language.svelte'

/** As many digits behind the point as it takes to tell these apart: milliseconds, from 0 on. */
export function digitsOf(ticks: readonly number[]): number {
  const step_ms = (ticks[1] ?? 1000) - (ticks[0] ?? 0)
  return step_ms >= 1000 ? 0 : step_ms >= 100 ? 1 : 2
}

/** Such as “0.34 s”. */
export function seconds(ms: number, digits = 2): string {
  return t('inside.seconds', { count: (ms / 1000).toFixed(digits) })
}
