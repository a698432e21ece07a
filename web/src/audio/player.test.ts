import { expect, test } from 'vitest'
import { Player } from './player'

const RATE = 1000
const FADE = 10
const BLOCK = 8

const ones = (length: number): Float32Array<ArrayBuffer> => new Float32Array(length).fill(1)

/** What it plays in so many blocks. */
function played(player: Player, blocks: number): number[] {
  return Array.from({ length: blocks }, () => {
    const out = new Float32Array(BLOCK)
    player.fill(out)
    return [...out]
  }).flat()
}

function playing(...pieces: [string, number][]): Player {
  const player = new Player(RATE, FADE)
  for (const [reply, length] of pieces) player.take({ do: 'append', reply, samples: ones(length) })
  return player
}

test('pieces follow each other without a gap', () => {
  const player = playing(['a', 21], ['a', 7], ['a', 52])
  const heard = played(player, 10)
  expect(heard.slice(FADE)).toEqual(Array(70).fill(1))
  expect(player.progress()).toEqual({ reply: 'a', played_ms: 80, drained: true })
})

test('it begins, pauses and goes on without a click', () => {
  const player = playing(['a', 200])
  const heard = played(player, 4)
  player.take({ do: 'pause' })
  heard.push(...played(player, 4))
  player.take({ do: 'resume' })
  heard.push(...played(player, 4))
  const steps = heard.map((sample, place) => Math.abs(sample - (heard[place - 1] ?? 0)))
  expect(Math.max(...steps)).toBeCloseTo(1 / FADE)
})

test('while it pauses nothing is played, and nothing is lost', () => {
  const player = playing(['a', 100])
  played(player, 4)
  player.take({ do: 'pause' })
  played(player, 4)
  const before = player.progress().played_ms
  expect(played(player, 10).every((sample) => sample === 0)).toBe(true)
  expect(player.progress().played_ms).toBe(before)
  player.take({ do: 'resume' })
  played(player, 20)
  expect(player.progress()).toEqual({ reply: 'a', played_ms: 100, drained: true })
})

test('a flush forgets what there is, and not what comes after it', () => {
  const player = playing(['a', 1000])
  played(player, 4)
  player.take({ do: 'flush' })
  player.take({ do: 'append', reply: 'b', samples: ones(40) })
  played(player, 20)
  expect(player.progress()).toEqual({ reply: 'b', played_ms: 40, drained: true })
})

test('what was flushed while it paused stays forgotten', () => {
  const player = playing(['a', 1000])
  played(player, 4)
  player.take({ do: 'pause' })
  played(player, 4)
  player.take({ do: 'flush' })
  expect(played(player, 4).every((sample) => sample === 0)).toBe(true)
  expect(player.progress().drained).toBe(true)
  player.take({ do: 'append', reply: 'b', samples: ones(16) })
  expect(Math.max(...played(player, 2))).toBe(1)
})

test('a flush of nothing keeps what comes next', () => {
  const player = playing()
  player.take({ do: 'flush' })
  player.take({ do: 'append', reply: 'a', samples: ones(16) })
  expect(Math.max(...played(player, 2))).toBe(1)
})

test('each reply is counted by itself', () => {
  const player = playing(['a', 16], ['b', 16])
  played(player, 3)
  expect(player.progress()).toEqual({ reply: 'b', played_ms: 8, drained: false })
})
