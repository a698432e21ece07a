import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Microphone } from './microphone'

/** What the browser was asked, and how it is answered. */
let asked: { allow: (stream: MediaStream) => void; refuse: (error: Error) => void }[]
let loaded: () => void
let contexts: Context[]

class Context {
  state = 'running'
  readonly audioWorklet = { addModule: () => new Promise<void>((done) => (loaded = done)) }
  readonly createMediaStreamSource = (): object => ({ connect: vi.fn() })
  readonly close = (): Promise<void> => {
    this.state = 'closed'
    return Promise.resolve()
  }

  constructor() {
    contexts.push(this)
  }

  resume(): Promise<void> {
    return Promise.resolve()
  }
}

class Track extends EventTarget {
  readonly stop = vi.fn()
}

function stream(track: Track): MediaStream {
  return { getTracks: () => [track], getAudioTracks: () => [track] } as unknown as MediaStream
}

beforeEach(() => {
  ;[asked, contexts] = [[], []]
  const getUserMedia = (): Promise<MediaStream> =>
    new Promise((allow, refuse) => {
      asked.push({ allow, refuse })
    })
  vi.stubGlobal('isSecureContext', true)
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia } })
  vi.stubGlobal('AudioContext', Context)
  vi.stubGlobal('AudioWorkletNode', class {
    readonly port = {}
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

test('it is open until it is closed', async () => {
  const [microphone, track] = [new Microphone(), new Track()]
  const opened = microphone.open()
  asked[0]?.allow(stream(track))
  await vi.waitFor(() => {
    expect(contexts).toHaveLength(1)
  })
  loaded()
  expect(await opened).toBe(true)
  expect(track.stop).not.toHaveBeenCalled()
  microphone.close()
  expect([track.stop.mock.calls.length, contexts[0]?.state]).toEqual([1, 'closed'])
})

test('a browser that never starts to listen is not waited for', async () => {
  vi.useFakeTimers()
  vi.spyOn(Context.prototype, 'resume').mockReturnValue(new Promise(() => undefined))
  const [microphone, track] = [new Microphone(), new Track()]
  const opened = expect(microphone.open()).rejects.toMatchObject({ reason: 'silent' })
  asked[0]?.allow(stream(track))
  await vi.waitFor(() => {
    expect(contexts).toHaveLength(1)
  })
  loaded()
  await vi.advanceTimersByTimeAsync(5000)
  await opened
  expect([track.stop.mock.calls.length, contexts[0]?.state]).toEqual([1, 'closed'])
  vi.useRealTimers()
})

test('who closes it while the browser asks does not have it on afterwards', async () => {
  const [microphone, track] = [new Microphone(), new Track()]
  const opened = microphone.open()
  microphone.close()
  asked[0]?.allow(stream(track))
  expect(await opened).toBe(false)
  expect([track.stop.mock.calls.length, contexts]).toEqual([1, []])
})

test('who closes it while it is made ready does not have it on afterwards', async () => {
  const [microphone, track] = [new Microphone(), new Track()]
  const opened = microphone.open()
  asked[0]?.allow(stream(track))
  await vi.waitFor(() => {
    expect(contexts).toHaveLength(1)
  })
  microphone.close()
  loaded()
  expect(await opened).toBe(false)
  expect([track.stop.mock.calls.length, contexts[0]?.state]).toEqual([1, 'closed'])
})

test('what the browser answers late of an opening does not close the next one', async () => {
  const [microphone, track] = [new Microphone(), new Track()]
  const first = microphone.open()
  microphone.close()
  const second = microphone.open()
  asked[1]?.allow(stream(track))
  await vi.waitFor(() => {
    expect(contexts).toHaveLength(1)
  })
  asked[0]?.refuse(new DOMException('', 'NotAllowedError'))
  expect(await first).toBe(false)
  loaded()
  expect(await second).toBe(true)
  expect(track.stop).not.toHaveBeenCalled()
})

test('where the one that was chosen is unplugged, the usual one is taken', async () => {
  const microphone = new Microphone()
  const opened = microphone.open('gone')
  asked[0]?.refuse(Object.assign(new Error(), { name: 'OverconstrainedError' }))
  await vi.waitFor(() => {
    expect(asked).toHaveLength(2)
  })
  asked[1]?.allow(stream(new Track()))
  await vi.waitFor(() => {
    expect(contexts).toHaveLength(1)
  })
  loaded()
  expect(await opened).toBe(true)
})
