/** The lines of a face: from an expression's numbers to SVG paths. Pure, in the units of the drawing. */
import { gape, type Brow, type Lids, type Lips } from './expressions'

/** Where a head's features sit. `x` is the distance of each eye or cheek from the middle line, at MIDDLE. */
export type Place = {
  eyes: { x: number; y: number; rx: number; ry: number }
  brows: { y: number; length: number }
  mouth: { y: number; width: number; height: number }
  cheeks: { x: number; y: number; r: number }
  /** The ellipse that every line of the mouth stays in. */
  face: { y: number; rx: number; ry: number }
}

export type Point = { x: number; y: number }

/** -1: the eye or brow on the left of the drawing; 1: on its right. */
export type Side = -1 | 1

/** The middle line of the drawing, which is 200 wide and high. */
export const MIDDLE = 100

/** A cubic curve: its ends, and the two points that pull it. */
export type Curve = readonly [Point, Point, Point, Point]

function n(value: number): string {
  return String(Math.round(value * 100) / 100)
}

function to(curve: Curve): string {
  const [, a, b, end] = curve
  return `C${n(a.x)} ${n(a.y)} ${n(b.x)} ${n(b.y)} ${n(end.x)} ${n(end.y)}`
}

function from(curve: Curve): string {
  return `M${n(curve[0].x)} ${n(curve[0].y)}`
}

/** A cubic with upright ends and one pull on both sides reaches 3/4 of the pull. */
const PULL = 4 / 3

/** The upper and the lower lid of one eye, around (0, 0). `blink`: 0 as they are, 1 shut. */
export function lidCurves(lids: Lids, eye: Place['eyes'], side: Side, blink: number): { upper: Curve; lower: Curve } {
  const shut = (height: number): number => height + (-lids.bottom - height) * blink
  const bow = Math.min(1, Math.abs(lids.bottom) * 1.4) // a lid near the middle line is pulled inwards: no square corners
  const wide = eye.rx * (0.8 + 0.2 * bow)
  const inner = { x: -side * eye.rx, y: 0 }
  const outer = { x: side * eye.rx, y: 0 }
  const pulled = (x: number, height: number): Point => ({ x, y: -PULL * height * eye.ry })
  return {
    upper: [
      inner,
      pulled(-side * eye.rx, shut(lids.inner)),
      pulled(side * eye.rx, shut(lids.outer)),
      outer,
    ],
    lower: [outer, pulled(side * wide, -lids.bottom), pulled(-side * wide, -lids.bottom), inner],
  }
}

/** The opening between the lids; without area when they are shut. */
export function eyePath(lids: Lids, eye: Place['eyes'], side: Side, blink: number): string {
  const { upper, lower } = lidCurves(lids, eye, side, blink)
  return `${from(upper)}${to(upper)}${to(lower)}Z`
}

/** The line of the upper lid, which is what is left of a shut eye. */
export function lidPath(lids: Lids, eye: Place['eyes'], side: Side, blink: number): string {
  const { upper } = lidCurves(lids, eye, side, blink)
  return from(upper) + to(upper)
}

/** Lashes at the outer end of the upper lid. */
export function lashPath(lids: Lids, eye: Place['eyes'], side: Side, blink: number): string {
  const { upper } = lidCurves(lids, eye, side, blink)
  return [0.72, 0.86, 0.98]
    .map((part, index) => {
      const root = along(upper, part)
      const tip = { x: root.x + side * (4 + index * 2.2), y: root.y - 7 + index * 2.4 }
      return `M${n(root.x)} ${n(root.y)}L${n(tip.x)} ${n(tip.y)}`
    })
    .join('')
}

export function browPath(brow: Brow, place: Place, side: Side): string {
  const half = place.brows.length / 2
  const at = MIDDLE + side * (place.eyes.x + 1)
  const y = place.brows.y
  const start = `M${n(at - side * half)} ${n(y + brow.inner)}`
  return `${start}Q${n(at)} ${n(y + brow.middle)} ${n(at + side * half)} ${n(y + brow.outer)}`
}

/** How far a corner stands above the middle of the mouth, by its lift. */
const LIFT = 0.42

/** The upper and the lower lip. Only the lower moves with the sound. */
export function lipCurves(lips: Lips, place: Place, opening: number): { upper: Curve; lower: Curve } {
  const { y, width, height } = place.mouth
  const half = width * lips.width
  const lift = width * LIFT * lips.lift
  const left = { x: MIDDLE - half, y: y - lift / 2 }
  const right = { x: MIDDLE + half, y: y - lift / 2 - width * LIFT * lips.skew }
  const drop = height * lips.reach * gape(lips, opening)
  const upper = y + lift / 2 - lips.round * height * 0.62
  const inwards = half * 0.5 * (1 - lips.round)
  const pulled = (corner: Point, x: number, middle: number): Point => ({ x, y: (middle - corner.y / 4) * PULL })
  const curve = (a: Point, b: Point, middle: number): Curve => {
    const towards = Math.sign(b.x - a.x) * inwards
    return [a, pulled(a, a.x + towards, middle), pulled(b, b.x - towards, middle), b]
  }
  return { upper: curve(left, right, upper), lower: curve(right, left, upper + drop) }
}

/** The open mouth, its lower lip after what is heard; without area when it is shut. */
export function mouthPath(lips: Lips, place: Place, opening: number): string {
  const { upper, lower } = lipCurves(lips, place, opening)
  return `${from(upper)}${to(upper)}${to(lower)}Z`
}

export function upperLipPath(lips: Lips, place: Place): string {
  const { upper } = lipCurves(lips, place, 0)
  return from(upper) + to(upper)
}

/** The corners and tips of a beak: `corners` of the mouth, the `brow` it grows from, the `tip` it ends in. */
function beak(lips: Lips, place: Place): { left: Point; right: Point; top: number; tip: number; half: number } {
  const { y, width, height } = place.mouth
  const half = width * (0.72 + 0.28 * lips.width)
  const lift = width * 0.34 * lips.lift
  return {
    left: { x: MIDDLE - half, y: y - lift },
    right: { x: MIDDLE + half, y: y - lift - width * 0.24 * lips.skew },
    top: y - height * 0.95,
    tip: y + height * 0.62 + lift * 0.25,
    half,
  }
}

/** The upper half of a beak seen from the front, which stays where it is. */
export function upperBeakPath(lips: Lips, place: Place): string {
  const { left, right, top, tip, half } = beak(lips, place)
  const bulge = (left.y - tip) * 0.16
  return (
    `M${n(left.x)} ${n(left.y)}` +
    `C${n(left.x - half * 0.04)} ${n(left.y - 9)} ${n(MIDDLE - half * 0.46)} ${n(top)} ${n(MIDDLE)} ${n(top)}` +
    `C${n(MIDDLE + half * 0.46)} ${n(top)} ${n(right.x + half * 0.04)} ${n(right.y - 9)} ${n(right.x)} ${n(right.y)}` +
    `C${n(right.x - half * 0.3)} ${n(right.y - bulge)} ${n(MIDDLE + half * 0.2)} ${n(tip)} ${n(MIDDLE)} ${n(tip)}` +
    `C${n(MIDDLE - half * 0.2)} ${n(tip)} ${n(left.x + half * 0.3)} ${n(left.y - bulge)} ${n(left.x)} ${n(left.y)}Z`
  )
}

/** How far below its hinge the lower half of a beak reaches at its widest. */
export function lowerBeakDepth(place: Place): number {
  return place.mouth.height * 1.6
}

/**
 * The lower half of a beak at its widest, hung from (0, 0): the line between the corners. `inset` draws the mouth in it.
 * It opens by being stretched downwards: see `beakStretch`.
 */
export function lowerBeakPath(lips: Lips, place: Place, inset: number): string {
  const { half } = beak(lips, place)
  const wide = half - inset
  const deep = lowerBeakDepth(place) - inset * 1.2
  return (
    `M${n(-wide)} 0C${n(-wide * 0.92)} ${n(deep * 0.62)} ${n(-wide * 0.5)} ${n(deep)} 0 ${n(deep)}` +
    `C${n(wide * 0.5)} ${n(deep)} ${n(wide * 0.92)} ${n(deep * 0.62)} ${n(wide)} 0Z`
  )
}

/** Where the lower half hangs, and its stretch (0..1) when `opening` is heard. */
export function beakHinge(lips: Lips, place: Place): Point {
  const { left, right } = beak(lips, place)
  return { x: MIDDLE, y: (left.y + right.y) / 2 + 1 }
}

export function beakStretch(lips: Lips, place: Place, opening: number): number {
  const shut = (beak(lips, place).tip + 3 - beakHinge(lips, place).y) / lowerBeakDepth(place)
  return shut + (1 - shut) * gape(lips, opening) * Math.min(1, lips.reach)
}

/** The point at `part` (0..1) of a curve. */
export function along([a, b, c, d]: Curve, part: number): Point {
  const rest = 1 - part
  const [i, j, k, l] = [rest ** 3, 3 * rest ** 2 * part, 3 * rest * part ** 2, part ** 3]
  return { x: i * a.x + j * b.x + k * c.x + l * d.x, y: i * a.y + j * b.y + k * c.y + l * d.y }
}
