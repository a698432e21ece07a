import { ask, get } from '../api/rest'
import type { Json, Schema } from './schema'

/** A setting as the server tells it: docs/http.md. */
export interface Setting {
  name: string
  value: Json
  secret: boolean
  origin: 'default' | 'profile' | 'file' | 'dotenv' | 'environment' | 'flag'
  place: string
  /** Whether `myna.toml` names it by now. */
  written: boolean
  fixed: string | null
  changed: boolean
  next: Json
}

export interface SettingList {
  file: string
  settings: Setting[]
  restart: boolean
  problem: string | null
}

export interface Changed {
  file: string
  written: string[]
  restart: string[]
}

/** @throws {Refused} */
export async function fetchSettings(): Promise<SettingList> {
  return await get<SettingList>('api/settings')
}

/** @throws {Refused} */
export async function fetchSchema(): Promise<Schema> {
  return await get<Schema>('api/settings/schema')
}

/**
 * Write changes to the server's file: all of them, or none. Null takes a setting out of it.
 *
 * @throws {Refused}
 */
export async function change(changes: Record<string, Json>): Promise<Changed> {
  return (await (await ask('PATCH', 'api/settings', { changes })).json()) as Changed
}
