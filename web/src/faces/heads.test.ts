import { describe, expect, it } from 'vitest'
import * as curves from './curves'
import { EMOTIONS, expression, smiling } from './expressions'
import { hash, HEADS, headOf, type Head } from './heads'

const OPENINGS = [0, 0.1, 0.25, 0.5, 0.75, 1]
const heads: Head[] = [...Object.values(HEADS), headOf('someone-else')]

/** The lines of a head that shows an emotion in silence. */
function lines(head: Head, emotion: (typeof EMOTIONS)[number]): { eyes: string; brows: string; mouth: string } {
  const { place } = head
  const face = expression(emotion, 'idle')
  const left = smiling(face.eyes.left, face.smile * head.cheeks)
  const right = smiling(face.eyes.right, face.smile * head.cheeks)
  return {
    eyes: curves.eyePath(left, place.eyes, -1, 0) + curves.eyePath(right, place.eyes, 1, 0),
    brows: curves.browPath(face.brows.left, place, -1) + curves.browPath(face.brows.right, place, 1),
    mouth: head.look === 'beak' ? curves.upperBeakPath(face.lips, place) : curves.mouthPath(face.lips, place, 0),
  }
}

function points(curve: curves.Curve): curves.Point[] {
  return Array.from({ length: 21 }, (_, index) => curves.along(curve, index / 20))
}

describe.each(heads)('the head $kind', (head) => {
  const { place } = head
  const within = ({ x, y }: curves.Point): number =>
    ((x - curves.MIDDLE) / place.face.rx) ** 2 + ((y - place.face.y) / place.face.ry) ** 2

  it('has eyes, brows and a mouth of its own for every emotion', () => {
    for (const part of ['eyes', 'brows', 'mouth'] as const) {
      expect(new Set(EMOTIONS.map((emotion) => lines(head, emotion)[part])).size, part).toBe(EMOTIONS.length)
    }
  })

  it.each(EMOTIONS)('opens its mouth further the louder it is, and never over its edge: %s', (emotion) => {
    const { lips } = expression(emotion, 'speaking')
    const depths = OPENINGS.map((opening) => {
      if (head.look === 'beak') {
        const hinge = curves.beakHinge(lips, place)
        const depth = hinge.y + curves.beakStretch(lips, place, opening) * curves.lowerBeakDepth(place)
        expect(within({ x: hinge.x, y: depth })).toBeLessThan(1)
        return depth
      }
      const { upper, lower } = curves.lipCurves(lips, place, opening)
      for (const point of [...points(upper), ...points(lower)]) expect(within(point)).toBeLessThan(1)
      return curves.along(lower, 0.5).y
    })
    depths.slice(1).forEach((depth, index) => expect(depth).toBeGreaterThan(depths[index] ?? Infinity))
  })

  it('shuts its eyes without leaving a gap, whatever it feels', () => {
    for (const emotion of EMOTIONS) {
      const face = expression(emotion, 'idle')
      const lids = smiling(face.eyes.left, face.smile * head.cheeks)
      const { upper, lower } = curves.lidCurves(lids, place.eyes, -1, 1)
      expect(curves.along(upper, 0.5).y).toBeCloseTo(curves.along(lower, 0.5).y)
    }
  })
})

describe('a companion', () => {
  it('keeps its colours, and differs from the next', () => {
    expect(headOf('luna')).toEqual(headOf('luna'))
    expect(headOf('luna').paint.body).not.toEqual(headOf('nova').paint.body)
  })

  it('comes for any id, also one named like a property of objects', () => {
    for (const id of ['', 'constructor', '__proto__', '孙悟空', 'wukong-2']) expect(headOf(id).kind).toBe('companion')
    expect(hash('a')).toBe(0xe40c292c)
  })
})
