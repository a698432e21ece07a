/** What goes over `/v1/realtime`, as far as this page uses it: docs/realtime.md. */

export type Emotion = 'happy' | 'angry' | 'sad' | 'surprised' | 'coquettish' | 'calm'

export type Outcome = 'completed' | 'interrupted' | 'failed' | 'silent'

/** Of the fields of a session those that the page reads. */
export interface Session {
  id: string
  model?: string
  output_modalities?: ('audio' | 'text')[]
  myna: { conversation: string; private: boolean }
}

export interface Content {
  type: 'input_text' | 'input_audio' | 'output_text' | 'output_audio'
  text?: string | null
  transcript?: string | null
}

export type Item = { id: string; status: string } & (
  | { type: 'message'; role: 'system' | 'user' | 'assistant'; content: Content[] }
  | { type: 'function_call'; call_id: string; name: string; arguments: string }
  | { type: 'function_call_output'; call_id: string; output: string }
)

export interface Problem {
  code: string
  message: string
}

export type ResponseStatus = 'in_progress' | 'completed' | 'cancelled' | 'failed' | 'incomplete'

export interface Response {
  id: string
  status: ResponseStatus
  status_details?: { reason?: string; error?: Problem } | null
}

/** What is heard while audio is sent, for meters: docs/realtime.md. */
export interface Levels {
  type: 'myna.levels'
  /** Up to where in all the audio. */
  audio_end_ms: number
  level_dbfs: number
  /** How probable it is that somebody speaks; null: the server does not ask itself. */
  speech: number | null
  threshold: number
  state: 'silence' | 'speech' | 'waiting' | 'collecting'
  waited_ms: number | null
  wait_ms: number | null
  detector: { probability: number; audio_end_ms: number } | null
}

interface OfReply {
  response_id: string
  item_id: string
}

export type ServerEvent =
  | { type: 'session.created' | 'session.updated'; session: Session }
  | { type: 'error'; error: Problem & { param: string | null; event_id: string | null } }
  | { type: 'input_audio_buffer.speech_started' | 'input_audio_buffer.speech_stopped'; item_id: string }
  | { type: 'input_audio_buffer.committed'; item_id: string; previous_item_id: string | null }
  | { type: 'conversation.item.input_audio_transcription.delta'; item_id: string; delta: string }
  | { type: 'conversation.item.input_audio_transcription.completed'; item_id: string; transcript: string }
  | { type: 'conversation.item.input_audio_transcription.failed'; item_id: string; error: Problem }
  | { type: 'conversation.item.added' | 'conversation.item.done'; item: Item; previous_item_id: string | null }
  | { type: 'conversation.item.deleted'; item_id: string }

  | { type: 'response.created' | 'response.done'; response: Response }
  | ({ type: 'response.output_text.delta' | 'response.output_audio_transcript.delta'; delta: string } & OfReply)
  | ({ type: 'response.output_audio.delta'; delta: string } & OfReply)
  | ({ type: 'response.output_audio.done' } & OfReply)
  | { type: 'output_audio_buffer.cleared'; response_id: string }
  | { type: 'myna.emotion'; response_id: string; item_id: string | null; emotion: string }
  | { type: 'myna.greeting'; text: string }
  | Levels
  | { type: 'myna.memory.used'; response_id: string; memories: { id: string; text: string }[] }
  | { type: 'myna.playback.paused'; response_id: string; audio_end_ms: number }
  | { type: 'myna.playback.resumed'; response_id: string }
  | { type: 'myna.timing'; response_id: string | null; item_id: string | null; stage: string; at_ms: number }
  | {
      type: 'myna.tool.started'
      response_id: string
      /** By which the call can be deleted. */
      item_id: string | null
      call_id: string
      name: string
      arguments: string
      asks: boolean
    }
  | {
      type: 'myna.tool.ended'
      response_id: string
      call_id: string
      status: string
      output: string
      took_ms: number
    }
  | { type: 'myna.transcript.partial'; item_id: string; text: string; stable: number; language: string | null }
  | {
      type: 'myna.turn.ended'
      response_id: string | null
      item_id: string | null
      outcome: Outcome
      heard: string | null
    }

/** `session.update`'s session, as far as the page sets it. */
export interface SessionPatch {
  type: 'realtime'
  output_modalities?: ['audio'] | ['text']
  audio?: {
    input?: {
      format?: { type: 'audio/pcm'; rate: 16000 }
      transcription?: Record<string, never>
      turn_detection?: { type: 'semantic_vad' } | null
    }
    output?: { format?: { type: 'audio/pcm'; rate: 24000 }; voice?: string; speed?: number }
  }
  myna?: { events?: string[]; greeting?: number; barge_in?: 'pause' | 'stop_words' | 'never'; allows_tools?: boolean }
}

export type ClientEvent =
  | { type: 'session.update'; session: SessionPatch }
  | { type: 'input_audio_buffer.append'; audio: string }
  | { type: 'input_audio_buffer.commit' | 'input_audio_buffer.clear' }
  | { type: 'output_audio_buffer.clear'; event_id: string }
  | { type: 'conversation.item.create'; event_id: string; item: object }
  | { type: 'conversation.item.delete'; item_id: string }
  | { type: 'response.create' }
  | { type: 'response.cancel'; response_id: string; event_id: string }
  | { type: 'myna.playback.played'; response_id: string; audio_end_ms: number }
  | { type: 'myna.tool.allow'; call_id: string; allowed: boolean }
