import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Refused } from '../api/rest'
import { t } from '../language.svelte'
import { blank } from './fields'
import type { Editable } from './server'

const server = {
  readFields: vi.fn(),
  changeFields: vi.fn(),
  create: vi.fn(),
  draft: vi.fn(),
  givePicture: vi.fn(),
  takePicture: vi.fn(),
}
vi.mock('./server', () => server)
const { Editor, REST_MS } = await import('./editor.svelte')

const MINA: Editable = {
  id: 'mina',
  kept: 'toml',
  editable: true,
  replaces_built_in: false,
  stamp: 'one',
  picture: null,
  uploaded: false,
  fields: { ...blank('en'), id: 'mina', name: 'Mina', greeting: 'Hi.' },
}
let store: Map<string, string>

beforeEach(() => {
  vi.useFakeTimers()
  vi.resetAllMocks()
  store = new Map()
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => store.get(key) ?? null,
    setItem: (key: string, value: string) => store.set(key, value),
    removeItem: (key: string) => store.delete(key),
  })
  server.readFields.mockImplementation(() => Promise.resolve(structuredClone(MINA)))
  server.draft.mockResolvedValue({ persona: { id: 'draft-1' }, id: 'mina', styles: {} })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function opened(id: string | null = 'mina'): Promise<InstanceType<typeof Editor>> {
  const editor = new Editor(id, 'en')
  await editor.load()
  return editor
}

test('only what was changed is sent, with the stamp of what was read', async () => {
  const editor = await opened()
  expect(editor.dirty).toBe(false)
  editor.fields.greeting = 'Yip!'
  expect(editor.dirty).toBe(true)
  server.changeFields.mockResolvedValue({ ...MINA, stamp: 'two', fields: { ...MINA.fields, greeting: 'Yip!' } })
  expect(await editor.save()).toBe('mina')
  expect(server.changeFields).toHaveBeenCalledWith('mina', { greeting: 'Yip!' }, 'one')
  expect([editor.dirty, editor.source?.stamp]).toEqual([false, 'two'])
})

test('what was not saved is there again after a reload, and gone when it is saved', async () => {
  const before = await opened()
  before.fields.name = 'Nina'
  before.written()
  const after = await opened()
  expect([after.fields.name, after.restored, after.dirty]).toEqual(['Nina', true, true])
  after.discard()
  expect([after.fields.name, after.dirty]).toEqual(['Mina', false])
  expect((await opened()).restored).toBe(false)
})

test('what somebody else has changed meanwhile is not overwritten, and nothing that was written is lost', async () => {
  const editor = await opened()
  editor.fields.greeting = 'Mine.'
  server.changeFields.mockRejectedValueOnce(new Refused(412, 'changed_meanwhile', 'Somebody else.'))
  expect(await editor.save()).toBeNull()
  expect([editor.conflict, editor.fields.greeting]).toEqual([true, 'Mine.'])
  server.readFields.mockResolvedValueOnce({ ...MINA, stamp: 'two', fields: { ...MINA.fields, greeting: 'Theirs.', name: 'Nina' } })
  await editor.join()
  expect([editor.conflict, editor.fields.name, editor.fields.greeting]).toEqual([false, 'Nina', 'Mine.'])
  server.changeFields.mockResolvedValueOnce(MINA)
  await editor.save()
  expect(server.changeFields).toHaveBeenLastCalledWith('mina', { greeting: 'Mine.' }, 'two')
})

test('the server is asked what it makes of it when nothing more is written for a moment', async () => {
  const editor = await opened()
  for (const greeting of ['H', 'He', 'Hey']) {
    editor.fields.greeting = greeting
    editor.written()
    await vi.advanceTimersByTimeAsync(REST_MS - 1)
  }
  expect(server.draft).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(server.draft.mock.calls).toEqual([[{ greeting: 'Hey' }, 'mina']])
  expect(editor.preview?.id).toBe('draft-1')
})

test('an answer that comes late does not take the place of a newer one', async () => {
  const editor = await opened()
  let late: (made: unknown) => void = () => undefined
  server.draft.mockReturnValueOnce(new Promise((done) => (late = done)))
  const first = editor.check()
  server.draft.mockResolvedValueOnce({ persona: { id: 'draft-2' }, id: 'mina', styles: {} })
  await editor.check()
  late({ persona: { id: 'draft-1' }, id: 'mina', styles: {} })
  expect(await first).toBeNull()
  expect(editor.preview?.id).toBe('draft-2')
})

test('a field is called wrong when it was written or saving was asked for', async () => {
  const editor = await opened(null)
  server.draft.mockRejectedValue(new Refused(422, 'bad_persona', '', '', { name: 'empty', 'voice.speed': 'too fast' }))
  await editor.check()
  expect([editor.wrong('name'), editor.wrong('voice.speed'), editor.preview]).toEqual(['', '', null])
  editor.fields.voice.speed = 9
  expect(editor.wrong('voice.speed')).toBe('too fast')
  server.create.mockRejectedValue(new Refused(422, 'bad_persona', '', '', { name: 'empty' }))
  expect(await editor.save()).toBeNull()
  expect([editor.wrong('name'), editor.wrongs, editor.problem]).toEqual(['empty', 1, ''])
})

test('what has no name yet can be seen all the same, and is not saved', async () => {
  const editor = await opened(null)
  editor.fields.greeting = 'Hi.'
  await editor.check()
  expect(server.draft).toHaveBeenCalledWith({ name: '…', language: 'en', greeting: 'Hi.', voice: blank('en').voice }, null)
  expect([editor.preview?.id, editor.suggested, editor.wrong('name')]).toEqual(['draft-1', '', ''])
  editor.asked = true
  expect(editor.wrong('name')).toBe('Field required')
})

test('a picture is kept at once, and what else was written stays', async () => {
  const editor = await opened()
  editor.fields.name = 'Nina'
  server.givePicture.mockResolvedValue({ ...MINA, stamp: 'two', picture: 'api/personas/mina/avatar', uploaded: true })
  await editor.picture({} as File)
  expect([editor.source?.stamp, editor.fields.name, editor.dirty]).toEqual(['two', 'Nina', true])
})

test('what is written while it is saved stays to be saved', async () => {
  const editor = await opened()
  editor.fields.greeting = 'Yip!'
  let answer: (saved: Editable) => void = () => undefined
  server.changeFields.mockReturnValueOnce(new Promise((done) => (answer = done)))
  const saved = editor.save()
  editor.fields.greeting = 'Yip! Yap!'
  editor.fields.reminder = 'Be brief.'
  editor.written()
  answer({ ...MINA, stamp: 'two', fields: { ...MINA.fields, greeting: 'Yip!' } })
  expect(await saved).toBe('mina')
  expect(editor.changes).toEqual({ greeting: 'Yip! Yap!', reminder: 'Be brief.' })
  const after = await opened()
  expect([after.fields.greeting, after.fields.reminder]).toEqual(['Yip! Yap!', 'Be brief.'])
})

test('what is written while a new one is saved is there where it goes on', async () => {
  const editor = await opened(null)
  editor.fields.name = 'Mina'
  let answer: (saved: Editable) => void = () => undefined
  server.create.mockReturnValueOnce(new Promise((done) => (answer = done)))
  const saved = editor.save()
  editor.fields.greeting = 'Later.'
  editor.written()
  answer(structuredClone(MINA))
  expect(await saved).toBe('mina')
  editor.written()
  expect((await opened()).fields.greeting).toBe('Later.')
  expect((await opened(null)).restored).toBe(false)
})

test('what is written while a picture is on its way, or the work of others is read, stays', async () => {
  const editor = await opened()
  server.givePicture.mockImplementationOnce(() => {
    editor.fields.name = 'Nina'
    return Promise.resolve({ ...MINA, stamp: 'two' })
  })
  await editor.picture({} as File)
  expect(editor.changes).toEqual({ name: 'Nina' })
  server.readFields.mockImplementationOnce(() => {
    editor.fields.greeting = 'Mine.'
    return Promise.resolve({ ...MINA, stamp: 'three' })
  })
  await editor.join()
  expect(editor.changes).toEqual({ name: 'Nina', greeting: 'Mine.' })
})

test('where the server cannot be reached that is told until it can, and what was seen stays', async () => {
  const editor = await opened()
  await editor.check()
  server.draft.mockRejectedValueOnce(new Refused(0, 'offline', ''))
  expect(await editor.check()).toBeNull()
  expect([editor.preview?.id, editor.problem]).toEqual(['draft-1', t('error.offline')])
  await editor.check()
  expect(editor.problem).toBe('')
})

test('a persona that is not there is told', async () => {
  server.readFields.mockRejectedValue(new Refused(404, 'unknown_name', 'There is no persona.'))
  const editor = await opened()
  expect([editor.state, editor.problem]).toEqual(['failed', 'There is no persona.'])
})
