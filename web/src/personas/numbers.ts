/** 1.1 is told as 1.10 ×. */
export const times = (value: number): string => `${value.toFixed(2)} ×`

/** Semitones, with their sign. */
export const semitones = (value: number): string => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value)}`
