/** What the user has chosen, kept in this browser. */
export interface Preferences {
  language: 'auto' | 'en' | 'zh'
  theme: 'auto' | 'light' | 'dark'
  /** The key of the server, where it wants one. */
  key: string
  /** Who answered last; '' is the server's own choice. */
  persona: string
  /** What speaks: the server's voice, the browser's, or nothing. */
  voice: 'server' | 'browser' | 'none'
  /** Replies appear as they are written; else when they are whole. */
  streams: boolean
  /** The microphone hears always; else while the button, or the space bar, is held. */
  handsFree: boolean
  microphone: string
  loudspeaker: string
  /** 0 to 1. */
  volume: number
}

const PLACE = 'myna'

const DEFAULTS: Preferences = {
  language: 'auto',
  theme: 'auto',
  key: '',
  persona: '',
  voice: 'server',
  streams: true,
  handsFree: true,
  microphone: '',
  loudspeaker: '',
  volume: 1,
}

export const preferences = $state<Preferences>({ ...DEFAULTS, ...kept() })

export function prefer(change: Partial<Preferences>): void {
  Object.assign(preferences, change)
  try {
    localStorage.setItem(PLACE, JSON.stringify(preferences))
  } catch {
    // a browser that keeps nothing: the choice holds until the page is closed
  }
}

/** What was kept; of values of another type, as an older page may have left, the defaults stand. */
function kept(): Partial<Preferences> {
  try {
    const read = JSON.parse(localStorage.getItem(PLACE) ?? '{}') as Record<string, unknown>
    const known = Object.entries(DEFAULTS).filter(([name, value]) => typeof read[name] === typeof value)
    return Object.fromEntries(known.map(([name]) => [name, read[name]]))
  } catch {
    return {}
  }
}
