import { beforeEach, expect, test } from 'vitest'
import { Refused } from '../api/rest'
import { Draft, type Row } from './draft.svelte'
import type { Json, Schema } from './schema'
import type { Setting } from './server'

const SCHEMA: Schema = {
  properties: {
    temperature: { type: 'number', maximum: 2, default: 0.7 },
    language: { type: 'string', default: 'auto' },
    key: { type: 'string' },
    host: { type: 'string' },
    model: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null },
  },
}

function setting(name: string, value: Json, more: Partial<Setting> = {}): Setting {
  const usual = { secret: false, origin: 'default', place: '', written: false, fixed: null, changed: false } as const
  return { name, value, next: value, ...usual, ...more }
}

/** A server that takes all changes, or refuses them. */
class Server {
  settings: Setting[] = [
    setting('temperature', 0.6, { written: true, origin: 'file' }),
    setting('language', 'auto'),
    setting('key', '********', { secret: true, written: true, origin: 'file' }),
    setting('host', '127.0.0.1', { fixed: "can only be changed on the server's machine" }),
    setting('model', null),
  ]
  changes: Record<string, Json>[] = []
  refuses: Error | null = null

  door = {
    settings: () => Promise.resolve({ file: '/x/myna.toml', settings: this.settings, restart: false, problem: null }),
    schema: () => Promise.resolve(SCHEMA),
    change: (changes: Record<string, Json>) => {
      if (this.refuses) return Promise.reject(this.refuses)
      this.changes.push(changes)
      for (const each of this.settings) {
        if (each.name in changes) Object.assign(each, { next: changes[each.name], written: changes[each.name] !== null })
      }
      return Promise.resolve()
    },
  }
}

let server: Server
let draft: Draft
const at = (name: string): Row => draft.row(name) ?? expect.unreachable()

beforeEach(async () => {
  server = new Server()
  draft = new Draft(server.door)
  await draft.load()
})

test('several changes are saved at once', async () => {
  draft.edit('temperature', '0.5')
  draft.edit('language', 'zh')
  draft.edit('key', 'new')
  expect(draft.edits.size).toBe(3)
  expect(await draft.save()).toBe(null)
  expect(server.changes).toEqual([{ temperature: 0.5, language: 'zh', key: 'new' }])
  expect([draft.edits.size, draft.saved, draft.text(at('temperature'))]).toEqual([0, 3, '0.5'])
})

test('what is written as it was is no change', () => {
  draft.edit('temperature', '0.5')
  draft.edit('temperature', '0.6')
  draft.edit('key', '')
  expect(draft.edits.size).toBe(0)
})

test('going back takes the setting out of the file, where it is in it', async () => {
  expect([draft.canReset(at('temperature')), draft.canReset(at('language'))]).toEqual([true, false])
  draft.reset('temperature')
  draft.reset('language')
  expect([draft.text(at('temperature')), draft.canReset(at('temperature'))]).toEqual(['0.7', false])
  await draft.save()
  expect(server.changes).toEqual([{ temperature: null }])
})

test('nothing where nothing may be is the usual value', async () => {
  draft.edit('model', 'x')
  await draft.save()
  draft.edit('model', ' ')
  await draft.save()
  expect(server.changes).toEqual([{ model: 'x' }, { model: null }])
})

test('what the schema forbids is not sent, and the first of it is named', async () => {
  draft.edit('language', 'zh')
  draft.edit('temperature', '9')
  expect(await draft.save()).toBe('temperature')
  expect(draft.wrong(at('temperature'))).toEqual({ key: 'settings.wrong.most', values: { bound: 2 } })
  expect([server.changes, draft.edits.size]).toEqual([[], 2])
})

test('what the server refuses is told at its setting, and nothing is lost', async () => {
  draft.edit('language', 'klingonisch')
  draft.edit('temperature', '0.5')
  server.refuses = new Refused(422, 'bad_config', 'language in the changed myna.toml (line 1): must be auto.', '`myna config schema` describes it.')
  expect(await draft.save()).toBe('language')
  expect([...draft.refused]).toEqual([['language', 'must be auto.']])
  expect([draft.problem, draft.edits.size, draft.saving]).toEqual(['', 2, false])
  draft.edit('language', 'zh')
  expect(draft.refused.size).toBe(0)
  server.refuses = null
  await draft.save()
  expect(server.changes).toHaveLength(1)
})

test('what belongs to no setting is told by itself, with what to do', async () => {
  draft.edit('temperature', '0.5')
  server.refuses = new Refused(422, 'bad_config', 'Myna has read /a, and would read /b by now.', 'Start it again first.')
  expect(await draft.save()).toBe(null)
  expect(draft.problem).toBe('Myna has read /a, and would read /b by now. Start it again first.')
  server.refuses = new Refused(503, 'busy', 'Another process is changing it.', 'Try again.')
  await draft.save()
  expect([draft.problem, draft.edits.size]).toEqual(['Another process is changing it. Try again.', 1])
})

test('what could not be loaded after it was saved is told only until it can be', async () => {
  draft.edit('temperature', '0.5')
  const { settings } = server.door
  server.door.settings = () => Promise.reject(new Refused(503, 'busy', 'Not now.'))
  await draft.save()
  expect([draft.saved, draft.problem]).toEqual([1, 'Not now.'])
  server.door.settings = settings
  await draft.load()
  expect([draft.saved, draft.problem]).toEqual([1, ''])
})

test('what is typed while it is saved stays a change', async () => {
  draft.edit('temperature', '0.5')
  const saved = draft.save()
  draft.edit('temperature', '0.55')
  await saved
  expect(draft.text(at('temperature'))).toBe('0.55')
  expect(draft.edits.size).toBe(1)
})

test('what was changed elsewhere meanwhile is no change any more', async () => {
  draft.edit('temperature', '0.5')
  draft.edit('language', 'zh')
  Object.assign(server.settings[0] ?? {}, { next: 0.5 })
  await draft.load()
  expect([...draft.edits.keys()]).toEqual(['language'])
})

test('what is fixed cannot be changed', () => {
  draft.edit('host', '0.0.0.0')
  draft.reset('host')
  expect(draft.edits.size).toBe(0)
})

test('changes are taken back one by one, or all', () => {
  draft.edit('temperature', '0.5')
  draft.edit('language', 'zh')
  draft.undo('language')
  expect([...draft.edits.keys()]).toEqual(['temperature'])
  draft.discard()
  expect([draft.edits.size, draft.text(at('temperature'))]).toEqual([0, '0.6'])
})

test.each([
  ['owner_only', 403, 'owner'],
  ['settings_unknown', 409, 'unknown'],
  ['offline', 0, 'failed'],
])('%s is a page of its own', async (code, status, state) => {
  const shut = new Draft({ ...server.door, settings: () => Promise.reject(new Refused(status, code, '')) })
  await shut.load()
  expect(shut.state).toBe(state)
})
