/**
 * What each emotion looks like, as numbers alone: so that a face can glide from one to the next.
 *
 * Every face uses the same table; heads.ts says where its eyes, brows and mouth sit and how large they are.
 * Heights of lids are parts of an eye's radius, brows and poses are units of the drawing (200 wide), the rest is 0..1.
 */
import type { Emotion } from '../realtime/events'

export type FaceState = 'idle' | 'listening' | 'thinking' | 'speaking'

/** How far the lids stand from the eye's middle: above at its inner and outer end, and below. Below 0: past the middle. */
export type Lids = { inner: number; outer: number; bottom: number; lash: number }

/** How far each end and the middle of a brow stand below their place. */
export type Brow = { inner: number; outer: number; middle: number }

export type Sides<T> = { left: T; right: T }

/**
 * A mouth. `width`: parts of the head's own; `lift`: how far the corners stand above the middle, below 0 under it;
 * `skew`: the same for the right corner alone; `rest`: how open it is in silence; `reach`: how far down it can open;
 * `round`: 0 a crescent, 1 an O; `teeth`: how plainly they show.
 */
export type Lips = {
  width: number
  lift: number
  skew: number
  rest: number
  reach: number
  round: number
  teeth: number
}

/** What is drawn around a face, each with how plainly it shows. `anger` is the crossed vein of comics. */
export type Marks = {
  sparkle: number
  anger: number
  tear: number
  burst: number
  heart: number
  dots: number
  waves: number
}

/** Where the head is: shifted in units, turned in degrees. */
export type Pose = { x: number; y: number; turn: number }

export type Expression = {
  pose: Pose
  eyes: Sides<Lids>
  /** 0..1: how far a smile lifts the lower lids, in parts of what the head's cheeks can lift. */
  smile: number
  gaze: { x: number; y: number }
  pupil: number
  brows: Sides<Brow>
  lips: Lips
  blush: number
  flush: number
  marks: Marks
}

export const EMOTIONS = ['calm', 'happy', 'angry', 'sad', 'surprised', 'coquettish'] as const satisfies Emotion[]

const NO_MARKS: Marks = { sparkle: 0, anger: 0, tear: 0, burst: 0, heart: 0, dots: 0, waves: 0 }

function both<T>(one: T): Sides<T> {
  return { left: one, right: one }
}

const TABLE: Record<Emotion, Expression> = {
  calm: {
    pose: { x: 0, y: 0, turn: 0 },
    eyes: both({ inner: 0.84, outer: 0.88, bottom: 0.82, lash: 0 }),
    smile: 0,
    gaze: { x: 0, y: 0 },
    pupil: 1,
    brows: both({ inner: 0, outer: 1, middle: -4 }),
    lips: { width: 0.72, lift: 0.42, skew: 0, rest: 0, reach: 0.8, round: 0, teeth: 0.9 },
    blush: 0.3,
    flush: 0,
    marks: NO_MARKS,
  },
  happy: {
    pose: { x: 0, y: -2, turn: -3 },
    eyes: both({ inner: 1.06, outer: 1.06, bottom: 0.36, lash: 0 }),
    smile: 1,
    gaze: { x: 0, y: -0.2 },
    pupil: 1.16,
    brows: both({ inner: -5, outer: -2, middle: -11 }),
    lips: { width: 1.12, lift: 0.8, skew: 0, rest: 0.5, reach: 1, round: 0.15, teeth: 1 },
    blush: 0.85,
    flush: 0,
    marks: { ...NO_MARKS, sparkle: 1 },
  },
  angry: {
    pose: { x: 0, y: 2, turn: 0 },
    eyes: both({ inner: 0.12, outer: 0.92, bottom: 0.66, lash: 0 }),
    smile: 0,
    gaze: { x: 0, y: 0.1 },
    pupil: 0.78,
    brows: both({ inner: 11, outer: -8, middle: 1 }),
    lips: { width: 0.86, lift: -0.62, skew: 0, rest: 0.3, reach: 0.75, round: 0.1, teeth: 1 },
    blush: 0,
    flush: 1,
    marks: { ...NO_MARKS, anger: 1 },
  },
  sad: {
    pose: { x: 0, y: 4, turn: 4 },
    eyes: both({ inner: 0.92, outer: 0.3, bottom: 0.82, lash: 0 }),
    smile: 0,
    gaze: { x: 0, y: 0.42 },
    pupil: 1.05,
    brows: both({ inner: -10, outer: 7, middle: -1 }),
    lips: { width: 0.58, lift: -0.95, skew: 0, rest: 0, reach: 0.65, round: 0, teeth: 0 },
    blush: 0.2,
    flush: 0,
    marks: { ...NO_MARKS, tear: 1 },
  },
  surprised: {
    pose: { x: 0, y: -3, turn: 0 },
    eyes: both({ inner: 1.2, outer: 1.2, bottom: 1.16, lash: 0 }),
    smile: 0,
    gaze: { x: 0, y: 0 },
    pupil: 0.6,
    brows: both({ inner: -11, outer: -9, middle: -18 }),
    lips: { width: 0.5, lift: 0, skew: 0, rest: 0.72, reach: 1.4, round: 1, teeth: 0 },
    blush: 0.35,
    flush: 0,
    marks: { ...NO_MARKS, burst: 1 },
  },
  coquettish: {
    pose: { x: -2, y: 0, turn: -7 },
    eyes: {
      left: { inner: 0.66, outer: 0.58, bottom: 0.72, lash: 1 },
      right: { inner: 0.3, outer: 0.3, bottom: -0.3, lash: 1 },
    },
    smile: 0,
    gaze: { x: 0.5, y: -0.05 },
    pupil: 1.08,
    brows: { left: { inner: -3, outer: -7, middle: -12 }, right: { inner: 1, outer: 4, middle: -3 } },
    lips: { width: 0.66, lift: 0.55, skew: 0.55, rest: 0.14, reach: 0.7, round: 0, teeth: 0 },
    blush: 1,
    flush: 0,
    marks: { ...NO_MARKS, heart: 1 },
  },
}

function widened(lids: Lids): Lids {
  // A wink stays a wink: only an open eye opens further.
  return lids.inner + lids.bottom < 0.2 ? lids : { ...lids, inner: lids.inner + 0.1, outer: lids.outer + 0.1 }
}

/** `lids` with the lower one `by` higher. */
export function smiling(lids: Lids, by: number): Lids {
  return { ...lids, bottom: lids.bottom - by }
}

function raised(brow: Brow, by: number): Brow {
  return { inner: brow.inner - by, outer: brow.outer - by, middle: brow.middle - by }
}

/** How `emotion` looks while its owner is listening, thinking, speaking, or none of these. */
export function expression(emotion: Emotion, state: FaceState): Expression {
  const at = TABLE[emotion]
  const { pose, eyes, brows, marks } = at
  switch (state) {
    case 'idle':
      return at
    case 'listening':
      return {
        ...at,
        pose: { x: pose.x - 2, y: pose.y + 1, turn: pose.turn - 4 },
        eyes: { left: widened(eyes.left), right: widened(eyes.right) },
        brows: { left: raised(brows.left, 2), right: raised(brows.right, 2) },
        marks: { ...marks, waves: 1 },
      }
    case 'thinking':
      return {
        ...at,
        pose: { x: pose.x, y: pose.y - 1, turn: pose.turn - 3 },
        gaze: { x: -0.5, y: -0.62 },
        brows: { left: raised(brows.left, 4), right: brows.right },
        marks: { ...marks, dots: 1 },
      }
    case 'speaking':
      return { ...at, brows: { left: raised(brows.left, 1.5), right: raised(brows.right, 1.5) } }
  }
}

/** How open a mouth is when `opening` (0..1, held to that) is heard: 0..1, never below its rest. */
export function gape(lips: Lips, opening: number): number {
  const heard = opening > 0 ? Math.min(1, opening) : 0 // also when it is not a number
  return lips.rest + (1 - lips.rest) * heard
}
