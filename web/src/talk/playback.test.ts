import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { toBase64 } from '../audio/pcm'
import { Player, type Order, type Progress } from '../audio/player'
import { Playback } from './playback.svelte'

const RATE = 24000
const BLOCK = 480
/** What the media element and the output hold back. */
const LATENCY_MS = 50 + 100

/** The worklet's node with the real player in it; the test says when it renders. */
class Node {
  static newest: Node
  readonly player = new Player(RATE, 1)
  readonly port = {
    onmessage: null as unknown as (message: { data: Progress }) => void,
    postMessage: (order: Order): void => {
      this.player.take(order)
    },
  }

  constructor() {
    Node.newest = this
  }

  connect<Next>(next: Next): Next {
    return next
  }
}

class Plain {
  readonly gain = { value: 1 }
  readonly delayTime = { value: 0 }

  connect<Next>(next: Next): Next {
    return next
  }

  getFloatTimeDomainData(samples: Float32Array): void {
    samples.fill(0.1)
  }
}

class Context {
  readonly outputLatency = 0.1
  readonly audioWorklet = { addModule: () => Promise.resolve() }
  state = 'suspended'

  resume(): Promise<void> {
    this.state = 'running'
    return Promise.resolve()
  }

  createMediaStreamDestination(): { stream: object } {
    return { stream: {} }
  }
}

class Element {
  static newest: Element
  muted = false
  paused = true
  srcObject: object | null = null

  constructor() {
    Element.newest = this
  }

  play(): Promise<void> {
    this.paused = false
    return Promise.resolve()
  }
}

let playback: Playback
let reports: [string, number][]

/** Render so much, and hear of it as the page does. */
function plays(ms: number): number[] {
  const rendered: number[] = []
  for (let at = 0; at < ms; at += (1000 * BLOCK) / RATE) {
    const out = new Float32Array(BLOCK)
    Node.newest.player.fill(out)
    rendered.push(...out)
    Node.newest.port.onmessage({ data: Node.newest.player.progress() })
    vi.advanceTimersByTime((1000 * BLOCK) / RATE)
  }
  return rendered
}

const sound = (ms: number, level = 8192): string => toBase64(new Int16Array((ms * RATE) / 1000).fill(level))
const loud = (rendered: number[]): boolean => rendered.some((sample) => sample !== 0)

beforeEach(async () => {
  vi.useFakeTimers()
  for (const [name, fake] of Object.entries({
    Audio: Element,
    AudioContext: Context,
    AudioWorkletNode: Node,
    AnalyserNode: Plain,
    GainNode: Plain,
    DelayNode: Plain,
  }))
    vi.stubGlobal(name, fake)
  reports = []
  playback = new Playback((response, heard_ms) => reports.push([response, heard_ms]))
  await playback.open()
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('what is reported is what was heard, which is later than it was played', () => {
  playback.begun('r1')
  playback.audio('r1', sound(2000))
  plays(1000)
  expect(reports.at(-1)?.[0]).toBe('r1')
  expect(reports.at(-1)?.[1]).toBeLessThanOrEqual(1000 - LATENCY_MS)
  expect(reports.at(-1)?.[1]).toBeGreaterThan(1000 - LATENCY_MS - 300)
  expect(reports.length, 'not with each block').toBeLessThan(10)
})

test('of what was stopped nothing that comes late is heard', () => {
  playback.begun('r1')
  playback.audio('r1', sound(1000))
  plays(200)
  playback.stop('r1')
  expect(playback.playing).toBe(false)
  expect(Element.newest.muted, 'what the element holds back is not heard either').toBe(true)
  playback.audio('r1', sound(1000))
  expect(loud(plays(300).slice(BLOCK))).toBe(false)
  expect(Element.newest.muted).toBe(false)
  playback.begun('r2')
  playback.audio('r2', sound(400))
  expect(loud(plays(300))).toBe(true)
  expect(playback.playing).toBe(true)
})

test('a pause keeps what is left, and goes on with it', () => {
  playback.begun('r1')
  playback.audio('r1', sound(1000))
  playback.audioDone('r1')
  plays(400)
  playback.pause('r1')
  expect(Element.newest.muted).toBe(true)
  expect(loud(plays(400).slice(BLOCK))).toBe(false)
  playback.resume()
  expect(Element.newest.muted).toBe(false)
  plays(560)
  expect(playback.playing, '40 ms are left').toBe(true)
  plays(40 + LATENCY_MS + 20)
  expect(playback.playing).toBe(false)
})

test('a pause of another reply is none', () => {
  playback.begun('r1')
  playback.audio('r1', sound(1000))
  plays(100)
  playback.pause('r0')
  expect(loud(plays(100))).toBe(true)
  expect(Element.newest.muted).toBe(false)
})

test('what came before the line was lost is heard to its end, and reported to nobody', () => {
  playback.begun('r1')
  playback.audio('r1', sound(1000))
  plays(400)
  playback.lost()
  const before = reports.length
  expect(playback.playing).toBe(true)
  expect(loud(plays(500))).toBe(true)
  plays(300)
  expect(playback.playing).toBe(false)
  expect(reports).toHaveLength(before)
  expect(playback.stoppable, 'the server knows nothing of it').toBe(false)
})

test('who spoke when the line was lost does not hear the rest', () => {
  playback.begun('r1')
  playback.audio('r1', sound(1000))
  plays(400)
  playback.pause('r1')
  playback.lost()
  expect(loud(plays(400).slice(BLOCK))).toBe(false)
  expect(playback.playing).toBe(false)
})

test('after a lost line the replies of the next session are heard', () => {
  playback.begun('r1')
  playback.audio('r1', sound(1000))
  plays(400)
  playback.pause('r1')
  playback.lost()
  plays(400)
  playback.begun('r2')
  playback.audio('r2', sound(600))
  playback.audioDone('r2')
  expect(loud(plays(400))).toBe(true)
  expect(Element.newest.muted).toBe(false)
  expect(reports.at(-1)?.[0]).toBe('r2')
})

test('it speaks until the last of it is heard, and not until it is played', () => {
  playback.begun('r1')
  playback.audio('r1', sound(400))
  playback.audioDone('r1')
  plays(400 + LATENCY_MS - 40)
  expect(playback.playing).toBe(true)
  plays(80)
  expect(playback.playing).toBe(false)
  playback.begun('r2')
  playback.audio('r2', sound(400))
  playback.audioDone('r2')
  plays(440)
  playback.begun('r3')
  playback.audio('r3', sound(400))
  plays(LATENCY_MS + 100)
  expect(playback.playing, 'the next has begun meanwhile').toBe(true)
})

test('the mouth is shut while nothing is heard', () => {
  expect(playback.loudness()).toBe(0)
  playback.begun('r1')
  playback.audio('r1', sound(1000))
  plays(400)
  expect(playback.loudness()).toBeCloseTo(0.1)
  playback.pause('r1')
  expect(playback.loudness(), 'it pauses').toBe(0)
  playback.resume()
  expect(playback.loudness()).toBeCloseTo(0.1)
  playback.stop('r1')
  expect(playback.loudness()).toBe(0)
})

test('the face changes when the emotion is heard', () => {
  playback.begun('r1')
  playback.emotes('r1', 'happy')
  playback.audio('r1', sound(500))
  playback.emotes('r1', 'sad')
  playback.audio('r1', sound(500))
  plays(100)
  expect(playback.emotion, 'nothing has been heard').toBe('calm')
  plays(500)
  expect(playback.emotion, 'the last of it has been played, and not heard').toBe('happy')
  plays(100)
  expect(playback.emotion).toBe('sad')
})

test('the emotion of the last, short words is not passed over', () => {
  playback.begun('r1')
  playback.audio('r1', sound(500))
  playback.emotes('r1', 'surprised')
  playback.audio('r1', sound(60))
  playback.audioDone('r1')
  plays(600)
  expect(playback.emotion).toBe('surprised')
})
