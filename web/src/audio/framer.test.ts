import { expect, test } from 'vitest'
import { Framer } from './framer'

const tone = (hz: number, rate: number, s: number) => Float32Array.from({ length: rate * s }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate))
const rms = (frames: Int16Array[]) => {
  const all = frames.slice(2).flatMap((frame) => [...frame])
  return Math.sqrt(all.reduce((sum, x) => sum + (x / 32767) ** 2, 0) / all.length)
}
const framed = (samples: Float32Array, from: number, cut: number) => {
  const frames: Int16Array[] = []
  const framer = new Framer(from, 16000, 20)
  for (let at = 0; at < samples.length; at += cut) framer.feed(samples.subarray(at, at + cut), (f) => frames.push(f))
  return frames
}

test.each([44100, 48000, 16000])('a tone keeps its loudness from %i Hz', (rate) => {
  expect(rms(framed(tone(440, rate, 1), rate, 128))).toBeCloseTo(0.5 / Math.SQRT2, 2)
})
test('what would alias is taken out', () => { expect(rms(framed(tone(15000, 48000, 1), 48000, 128))).toBeLessThan(0.01) })
test('pieces of any size give the same frames', () => {
  const speech = tone(300, 44100, 0.5)
  expect(framed(speech, 44100, 128)).toEqual(framed(speech, 44100, 1001))
})
