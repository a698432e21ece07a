import { expect, test, vi } from 'vitest'
import type { Progress } from '../audio/player'

/** One that plays at once what it is given. */
const loudspeaker = {
  onprogress: (() => undefined) as (progress: Progress) => void,
  open: () => Promise.resolve(),
  useDevice: () => Promise.resolve(),
  play: vi.fn(),
  flush: vi.fn(),
  close: vi.fn(),
  loudness: () => 0,
}
const ask = vi.fn()
vi.mock('../audio/loudspeaker', () => ({
  Loudspeaker: function () {
    return loudspeaker
  },
}))
vi.mock('../api/rest', () => ({ ask }))
vi.stubGlobal('requestAnimationFrame', () => 1)
vi.stubGlobal('cancelAnimationFrame', () => undefined)
const { Hearing, samplesOf } = await import('./hearing.svelte')

const answer = (...pieces: number[][]): Response =>
  new Response(
    new ReadableStream({
      start(stream) {
        for (const piece of pieces) stream.enqueue(new Uint8Array(piece))
        stream.close()
      },
    }),
  )

test('samples come whole however the bytes are cut', async () => {
  for (const pieces of [[[1, 0, 255, 255, 0, 1]], [[1], [0, 255], [255, 0], [1]], [[1, 0, 255], [255, 0, 1]]]) {
    const samples: number[] = []
    for await (const some of samplesOf(answer(...pieces))) samples.push(...some)
    expect(samples).toEqual([1, -1, 256])
  }
})

test('half a sample at the end is nothing', async () => {
  const samples: number[] = []
  for await (const some of samplesOf(answer([1, 0, 7]))) samples.push(...some)
  expect(samples).toEqual([1])
})

type Stream = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>

/** What is heard of an answer that is still coming. */
async function saying(): Promise<{ hearing: InstanceType<typeof Hearing>; stream: Stream; said: Promise<void> }> {
  let stream!: Stream
  ask.mockResolvedValueOnce(new Response(new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (begun) => void (stream = begun) })))
  const hearing = new Hearing()
  const said = hearing.say('mina', '', 'Hi.')
  stream.enqueue(new Uint8Array([1, 0]))
  await vi.waitFor(() => {
    expect(hearing.state).toBe('playing')
  })
  return { hearing, stream, said }
}

test('what was played before the answer ended is over when it ends', async () => {
  const { hearing, stream, said } = await saying()
  loudspeaker.onprogress({ reply: 'preview-1', played_ms: 1, drained: true })
  expect(hearing.state).toBe('playing')
  stream.close()
  await said
  expect(hearing.state).toBe('silent')
})

test('what came after a gap is played to its end', async () => {
  const { hearing, stream, said } = await saying()
  loudspeaker.onprogress({ reply: 'preview-1', played_ms: 1, drained: true })
  stream.enqueue(new Uint8Array([1, 0]))
  stream.close()
  await said
  expect(hearing.state).toBe('playing')
  loudspeaker.onprogress({ reply: 'preview-1', played_ms: 2, drained: true })
  expect(hearing.state).toBe('silent')
})

test('one that is dropped falls silent for good', async () => {
  const { hearing, stream, said } = await saying()
  hearing.close()
  stream.close()
  await said
  expect([hearing.state, loudspeaker.close.mock.calls.length]).toEqual(['silent', 1])
})
