/** A piece of a text, and whether it was searched for. */
export interface Piece {
  text: string
  hit: boolean
}

/** A text in pieces, so that the words of a query can be shown in it; case makes no difference. */
export function hits(text: string, query: string): Piece[] {
  const words = query.split(/\s+/).filter(Boolean).toSorted((one, other) => other.length - one.length)
  if (!words.length) return [{ text, hit: false }]
  const any = new RegExp(`(${words.map((word) => word.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')).join('|')})`, 'iu')
  return text
    .split(any)
    .map((piece, place) => ({ text: piece, hit: place % 2 === 1 }))
    .filter((piece) => piece.text)
}
