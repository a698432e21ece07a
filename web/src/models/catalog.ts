import { ask, get } from '../api/rest'

/** A model as the server lists it: docs/http.md. */
export interface Model {
  name: string
  about: string
  license: string
  homepage: string
  /** In bytes; null for one whose files only a hub can list. */
  size: number | null
  here: boolean
  used_by: string[]
}

export interface ModelSet {
  name: string
  models: string[]
  size: number
  missing: number
  here: boolean
  chosen: boolean
  /** Why it cannot be used as Myna is installed; null if it can. */
  lacks: string | null
}

export interface Catalog {
  models: Model[]
  sets: ModelSet[]
  folder: string
}

export interface Progress {
  name: string
  /** In bytes; 0 while nobody has told it. */
  size: number
  done: number
  here: boolean
}

export interface Pull {
  state: 'idle' | 'running' | 'done' | 'failed' | 'cancelled'
  names: string[]
  models: Progress[]
  doing: string
  rate: number | null
  skipped: string[]
  error: { code: string; message: string; hint: string } | null
}

/** @throws {Refused} */
export async function fetchCatalog(): Promise<Catalog> {
  return await get<Catalog>('api/models')
}

/** @throws {Refused} */
export async function fetchPull(): Promise<Pull> {
  return await get<Pull>('api/models/pull')
}

/** @throws {Refused} */
export async function beginPull(names: string[]): Promise<Pull> {
  return (await (await ask('POST', 'api/models/pull', { names })).json()) as Pull
}

/** @throws {Refused} */
export async function cancelPull(): Promise<Pull> {
  return (await (await ask('DELETE', 'api/models/pull')).json()) as Pull
}
