import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Loudspeaker } from './loudspeaker'

let elements: Element[]
let contexts: Context[]
let loaded: () => void

class Element {
  paused = true
  srcObject: object | null = null

  constructor() {
    elements.push(this)
  }

  play(): Promise<void> {
    this.paused = false
    return Promise.resolve()
  }

  pause(): void {
    this.paused = true
  }
}

class Context {
  state = 'running'
  readonly audioWorklet = { addModule: () => new Promise<void>((done) => (loaded = done)) }
  readonly createMediaStreamDestination = (): object => ({ stream: {} })
  readonly resume = (): Promise<void> => Promise.resolve()
  readonly close = (): Promise<void> => {
    this.state = 'closed'
    return Promise.resolve()
  }

  constructor() {
    contexts.push(this)
  }
}

class Plain {
  readonly port = {}
  connect<Next>(next: Next): Next {
    return next
  }
}

beforeEach(() => {
  ;[contexts, elements] = [[], []]
  vi.stubGlobal('Audio', Element)
  vi.stubGlobal('AudioContext', Context)
  for (const name of ['AudioWorkletNode', 'DelayNode', 'AnalyserNode', 'GainNode']) vi.stubGlobal(name, Plain)
})
afterEach(() => {
  vi.unstubAllGlobals()
})

test('of one that was closed nothing goes on, and it is not opened again', async () => {
  const loudspeaker = new Loudspeaker()
  const opened = loudspeaker.open()
  loaded()
  await opened
  expect([loudspeaker.opened, elements[0]?.paused, contexts[0]?.state]).toEqual([true, false, 'running'])
  loudspeaker.close()
  expect([loudspeaker.opened, elements[0]?.paused, elements[0]?.srcObject, contexts[0]?.state]).toEqual([false, true, null, 'closed'])
  await expect(loudspeaker.open()).rejects.toThrow('closed')
  expect(contexts).toHaveLength(1)
})

test('one that is closed while it opens does not sound afterwards', async () => {
  const loudspeaker = new Loudspeaker()
  const opened = loudspeaker.open()
  loudspeaker.close()
  loaded()
  await expect(opened).rejects.toThrow('closed')
  expect([loudspeaker.opened, elements[0]?.paused, elements[0]?.srcObject, contexts[0]?.state]).toEqual([false, true, null, 'closed'])
})
