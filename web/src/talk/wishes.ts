import type { SessionPatch } from '../realtime/events'

const EVENTS = ['emotion', 'memory', 'outcome', 'playback', 'timing', 'tools', 'transcript']

export interface Wishes {
  /** Replies come as audio. */
  speaks: boolean
  /** The session may begin with a greeting, this one of the persona's; null: not yet. */
  greeting: number | null
  /** Somebody looks at the levels. */
  watched: boolean
  /** The server finds out when an utterance is over. */
  handsFree: boolean
}

/** What the page tells a session of how it is to be. */
export function sessionOf({ speaks, greeting, watched, handsFree }: Wishes): SessionPatch {
  return {
    type: 'realtime',
    output_modalities: speaks ? ['audio'] : ['text'],
    audio: {
      input: {
        format: { type: 'audio/pcm', rate: 16000 },
        transcription: {},
        turn_detection: handsFree ? { type: 'semantic_vad' } : null,
      },
    },
    myna: {
      events: [...EVENTS, ...(greeting === null ? [] : ['greeting']), ...(watched ? ['levels'] : [])],
      ...(greeting !== null && { greeting }),
      allows_tools: true,
    },
  }
}
