import { expect, test, vi } from 'vitest'

vi.stubGlobal('Audio', Object)
const { samplesOf } = await import('./hearing.svelte')

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
