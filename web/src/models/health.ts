import { get } from '../api/rest'

/** Where an engine stands; `problem` is told to who has a key. */
export interface EngineState {
  engine: string
  status: string
  code?: string
  problem?: string
  /** Of the weights that are being fetched for it, in bytes; null while nobody knows. */
  done?: number
  size?: number | null
  /** Of a chain: its engines, in the order in which they are asked. */
  members?: EngineState[]
  /** Of a chain: the member that would answer now, by its name. */
  answers?: string | null
  /** Of a member: `open`, it failed and is left out; `half_open`, it is tried again. */
  breaker?: 'closed' | 'open' | 'half_open'
  /** Of a member: how often another one was asked in its place. */
  failovers?: number
}

/** What `/health` tells: docs/http.md. */
export interface Health {
  engines: Record<string, EngineState>
  sessions?: { live: number; places: number }
  devices?: Record<string, { slots: number; busy: number; waiting: number; abandoned: number }>
  tools?: { names: string[]; mcp: Record<string, { status: string; problem: string; tools: number }> }
}

/** @throws {Refused} */
export async function fetchHealth(): Promise<Health> {
  return await get<Health>('health')
}
