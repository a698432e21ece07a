/** Who has which head: where its features sit, and in what colours. The drawings themselves are in heads/. */
import type { Place } from './curves'

export type Kind = 'monkey-king' | 'wizard' | 'hero' | 'myna' | 'companion'

export interface Paint {
  /** The disc behind the head, from its top to its foot. */
  sky: [string, string]
  brow: string
  browWeight: number
  eye: { white: string; iris: string; pupil: string; line: string }
  mouth: { line: string; inside: string; tongue: string; teeth: string }
  blush: string
  /** The body of a companion: its colour, its shade and its light. */
  body: [string, string, string]
}

export interface Head {
  kind: Kind
  /** `light`: eyes and mouth shine from a dark visor. */
  look: 'lips' | 'beak' | 'light'
  /** How far a smile lifts its lower lids, in parts of an eye's radius. */
  cheeks: number
  place: Place
  paint: Paint
}

const INSIDE = { inside: '#5b1626', tongue: '#e8667a', teeth: '#fffaf2' }
const PLAIN: Paint['body'] = ['#888888', '#777777', '#999999']

export const HEADS: Record<Exclude<Kind, 'companion'>, Head> = {
  'monkey-king': {
    kind: 'monkey-king',
    look: 'lips',
    cheeks: 0.08,
    place: {
      eyes: { x: 23, y: 103, rx: 14, ry: 15 },
      brows: { y: 82, length: 25 },
      mouth: { y: 143, width: 27, height: 20 },
      cheeks: { x: 36, y: 130, r: 9 },
      face: { y: 128, rx: 46, ry: 46 },
    },
    paint: {
      sky: ['#ffe3a3', '#f79a5b'],
      brow: '#7a3a10',
      browWeight: 6.5,
      eye: { white: '#fffdf5', iris: '#f0a30a', pupil: '#3a1a08', line: '#4a220c' },
      mouth: { line: '#6b2a14', ...INSIDE },
      blush: '#f0603c',
      body: PLAIN,
    },
  },
  wizard: {
    kind: 'wizard',
    look: 'lips',
    cheeks: 0.08,
    place: {
      eyes: { x: 24, y: 107, rx: 13, ry: 14 },
      brows: { y: 77, length: 25 },
      mouth: { y: 144, width: 24, height: 17 },
      cheeks: { x: 37, y: 134, r: 9 },
      face: { y: 122, rx: 47, ry: 44 },
    },
    paint: {
      sky: ['#4d56b8', '#8f7bd6'],
      brow: '#43262b',
      browWeight: 5,
      eye: { white: '#ffffff', iris: '#3f8f7a', pupil: '#1d2733', line: '#33222b' },
      mouth: { line: '#7c3434', ...INSIDE },
      blush: '#ee6a62',
      body: PLAIN,
    },
  },
  hero: {
    kind: 'hero',
    look: 'light',
    cheeks: 0.78,
    place: {
      eyes: { x: 25, y: 99, rx: 12.5, ry: 13.5 },
      brows: { y: 78, length: 26 },
      mouth: { y: 129, width: 25, height: 15 },
      cheeks: { x: 38, y: 122, r: 8 },
      face: { y: 112, rx: 52, ry: 46 },
    },
    paint: {
      sky: ['#cfe4f5', '#7fa6cf'],
      brow: '#ffd27a',
      browWeight: 5.5,
      eye: { white: '#ffe9b8', iris: '#ffe9b8', pupil: '#ffb43a', line: '#ffd27a' },
      mouth: { line: '#ffd27a', inside: '#ffb43a', tongue: '#fff0c9', teeth: '#fff0c9' },
      blush: '#ff6f61',
      body: PLAIN,
    },
  },
  myna: {
    kind: 'myna',
    look: 'beak',
    cheeks: 0.08,
    place: {
      eyes: { x: 27, y: 94, rx: 16, ry: 17 },
      brows: { y: 69, length: 25 },
      mouth: { y: 127, width: 25, height: 20 },
      cheeks: { x: 41, y: 128, r: 9 },
      face: { y: 112, rx: 60, ry: 56 },
    },
    paint: {
      sky: ['#d7f3e6', '#7fcfc0'],
      brow: '#a99cf2',
      browWeight: 6,
      eye: { white: '#fffdf6', iris: '#8a4b1c', pupil: '#1a1220', line: '#120d1d' },
      mouth: { line: '#b8600c', ...INSIDE },
      blush: '#ff7d94',
      body: PLAIN,
    },
  },
}

const KINDS = new Map<string, Exclude<Kind, 'companion'>>([
  ['wukong', 'monkey-king'],
  ['harry-potter', 'wizard'],
  ['iron-man', 'hero'],
  ['assistant', 'myna'],
  ['assistant-zh', 'myna'],
])

const COMPANION: Place = {
  eyes: { x: 25, y: 96, rx: 14, ry: 15.5 },
  brows: { y: 72, length: 23 },
  mouth: { y: 129, width: 29, height: 21 },
  cheeks: { x: 42, y: 122, r: 10 },
  face: { y: 110, rx: 60, ry: 58 },
}

/** A number of 32 bits from any text, the same on every machine (FNV-1a). */
export function hash(text: string): number {
  let sum = 0x811c9dc5
  for (const letter of text) sum = Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return sum
}

function companion(persona: string): Head {
  const sum = hash(persona)
  const hue = sum % 360
  const sky = (hue + 150 + ((sum >>> 9) % 60)) % 360
  const body = (saturation: number, lightness: number): string =>
    `hsl(${String(hue)} ${String(saturation)}% ${String(lightness)}%)`
  return {
    kind: 'companion',
    look: 'lips',
    cheeks: 0.08,
    place: COMPANION,
    paint: {
      sky: [`hsl(${String(sky)} 70% 90%)`, `hsl(${String(sky)} 52% 72%)`],
      brow: body(45, 28),
      browWeight: 5,
      eye: { white: '#ffffff', iris: body(50, 30), pupil: '#1c1822', line: body(45, 22) },
      mouth: { line: body(45, 24), ...INSIDE },
      blush: '#ff5f7e',
      body: [body(66, 66), body(56, 57), body(78, 78)],
    },
  }
}

/** The head of a persona, by its id; one that has no drawing of its own gets a companion in its own colours. */
export function headOf(persona: string): Head {
  const kind = KINDS.get(persona)
  return kind === undefined ? companion(persona) : HEADS[kind]
}
