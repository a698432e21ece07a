/**
 * What models write of Markdown, as a tree; what it does not know is text, HTML too.
 *
 * Not a library's, for three reasons: text comes piece by piece and is parsed anew with each, and marked takes seconds for
 * 50 kB that mean harm (nested quotes, `**a` over and over); the tree becomes elements, never HTML; and CommonMark does not
 * make `**“你好”**他说` bold, as its rule for word borders knows no Chinese.
 */

export type Inline =
  | { kind: 'text' | 'code'; text: string }
  | { kind: 'strong' | 'em' | 'del'; children: Inline[] }
  | { kind: 'link'; address: string; children: Inline[] }
  | { kind: 'break' }

export type Block =
  | { kind: 'paragraph'; children: Inline[] }
  | { kind: 'heading'; level: number; children: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'quote'; children: Block[] }
  | { kind: 'list'; first: number | null; items: Block[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' }

/** Deeper than this, marks are text. */
const DEEPEST = 6

// What may be long is bounded: a mark that never ends costs so much, and not the rest of the text.
const MARK = new RegExp(
  [
    /(?<!`)(?<ticks>`{1,3})(?!`)(?<code>[\s\S]{1,500}?)(?<!`)\k<ticks>(?!`)/,
    /\*\*(?=\S)(?<strong>[\s\S]{0,1000}?\S)\*\*/,
    /~~(?=\S)(?<del>[\s\S]{0,1000}?\S)~~/,
    /\*(?=\S)(?<em>[^*\n]{0,1000}?\S)\*/,
    /!?\[(?<label>[^\]\n]{1,500})\]\((?<address>[^()\s]{1,2000})\)/,
    /(?<bare>https?:\/\/[^\s<>"')\]，。、！？；：（）]{1,2000})/,
    /\\(?<escaped>[!-/:-@[-`{-~])/,
    /(?<lineEnd>(?<! ) {2,}\n|\\\n)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
)
const FENCE = /^ {0,3}(?<fence>`{3,}|~{3,})/
const HEADING = /^(?<marks>#{1,6})\s+(?<title>.*)$/
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/
const ITEM = /^(?<indent> *)(?:[-*+]|(?<number>\d{1,9})[.)])\s+(?=\S)/
const COLUMN = /^:?-+:?$/

export function parseInline(text: string, depth = 0): Inline[] {
  if (depth >= DEEPEST) return [{ kind: 'text', text }]
  const found: Inline[] = []
  let at = 0
  for (const match of text.matchAll(MARK)) {
    if (match.index > at) found.push({ kind: 'text', text: text.slice(at, match.index) })
    at = match.index + match[0].length
    found.push(marked(match, depth + 1))
  }
  if (text.length > at) found.push({ kind: 'text', text: text.slice(at) })
  return found
}

function marked({ 0: whole, groups = {} }: RegExpExecArray, depth: number): Inline {
  const { code, strong, del, em, label, address, bare, escaped, lineEnd } = groups as Record<string, string | undefined>
  if (code !== undefined) return { kind: 'code', text: code }
  if (strong !== undefined) return { kind: 'strong', children: parseInline(strong, depth) }
  if (del !== undefined) return { kind: 'del', children: parseInline(del, depth) }
  if (em !== undefined) return { kind: 'em', children: parseInline(em, depth) }
  if (label !== undefined && address !== undefined && isHarmless(address))
    return { kind: 'link', address, children: parseInline(label, DEEPEST) }
  if (bare !== undefined) return { kind: 'link', address: bare, children: [{ kind: 'text', text: bare }] }
  if (lineEnd !== undefined) return { kind: 'break' }
  return { kind: 'text', text: escaped ?? whole }
}

/** Whether a link may lead there. */
export function isHarmless(address: string): boolean {
  return /^(https?:\/\/|mailto:)/i.test(address)
}

export function parseBlocks(text: string, depth = 0): Block[] {
  return new Reader(text.split('\n'), depth).read()
}

/** Reads blocks line by line. */
class Reader {
  #at = 0
  #open: string[] = []
  readonly #found: Block[] = []

  constructor(
    private readonly lines: string[],
    private readonly depth: number,
  ) {}

  read(): Block[] {
    while (this.#at < this.lines.length) {
      const block = this.#block()
      if (block) {
        this.#close()
        this.#found.push(block)
      } else {
        if (this.#line.trim()) this.#open.push(this.#line)
        else this.#close()
        this.#at++
      }
    }
    this.#close()
    return this.#found
  }

  get #line(): string {
    return this.lines[this.#at] ?? ''
  }

  /** The paragraph ends here. */
  #close(): void {
    if (this.#open.length) this.#found.push({ kind: 'paragraph', children: parseInline(this.#open.join('\n')) })
    this.#open = []
  }

  /** The block that begins at this line, if one does but a paragraph. */
  #block(): Block | null {
    const line = this.#line
    const fence = FENCE.exec(line)?.groups?.['fence']
    if (fence) return this.#code(fence)
    const heading = HEADING.exec(line)?.groups
    if (heading) {
      this.#at++
      const title = closed(heading['title'] ?? '')
      return { kind: 'heading', level: heading['marks']?.length ?? 1, children: parseInline(title) }
    }
    if (RULE.test(line)) {
      this.#at++
      return { kind: 'rule' }
    }
    if (line.includes('|') && isRuler(this.lines[this.#at + 1] ?? '')) return this.#table()
    if (this.depth >= DEEPEST) return null
    if (line.startsWith('>')) return this.#quote()
    return ITEM.test(line) ? this.#list() : null
  }

  #code(fence: string): Block {
    const body: string[] = []
    for (this.#at++; this.#at < this.lines.length && !this.#line.trimStart().startsWith(fence); this.#at++)
      body.push(this.#line)
    this.#at++
    return { kind: 'code', text: body.join('\n') }
  }

  #quote(): Block {
    const body: string[] = []
    for (; this.#line.startsWith('>'); this.#at++) body.push(this.#line.replace(/^> ?/, ''))
    return { kind: 'quote', children: parseBlocks(body.join('\n'), this.depth + 1) }
  }

  #list(): Block {
    const first = ITEM.exec(this.#line)?.groups
    const depth = first?.['indent']?.length ?? 0
    const ordered = first?.['number'] !== undefined
    const items: Block[][] = []
    for (;;) {
      const item = ITEM.exec(this.#line)
      if (item?.groups?.['indent']?.length !== depth || (item.groups['number'] !== undefined) !== ordered) break
      const width = item[0].length
      const body = [this.#line.slice(width)]
      for (this.#at++; this.#at < this.lines.length && this.#goesOn(depth); this.#at++)
        body.push(this.#line.slice(Math.min(width, indent(this.#line))))
      items.push(parseBlocks(body.join('\n'), this.depth + 1))
      while (!this.#line.trim() && ITEM.test(this.lines[this.#at + 1] ?? '')) this.#at++ // items may stand apart
    }
    return { kind: 'list', first: ordered ? Number(first['number']) : null, items }
  }

  /** Whether the item of a list goes on with this line. */
  #goesOn(depth: number): boolean {
    if (this.#line.trim()) return indent(this.#line) > depth
    return indent(this.lines[this.#at + 1] ?? '') > depth + 1
  }

  #table(): Block {
    const row = (): Inline[][] => cells(this.#line).map((cell) => parseInline(cell))
    const head = row()
    const rows: Inline[][][] = []
    for (this.#at += 2; this.#line.includes('|'); this.#at++) rows.push(row())
    return { kind: 'table', head, rows }
  }
}

/** A heading's title without the marks that may close it. */
function closed(title: string): string {
  let end = title.trimEnd().length
  while (title[end - 1] === '#') end--
  return title.slice(0, end).trimEnd()
}

/** The cells of a table's row. */
function cells(line: string): string[] {
  const row = line.trim()
  const inner = row.slice(row.startsWith('|') ? 1 : 0, row.endsWith('|') ? -1 : undefined)
  return inner.split('|').map((cell) => cell.trim())
}

/** Whether it is the line between a table's head and its rows. */
function isRuler(line: string): boolean {
  return line.includes('|') && cells(line).every((cell) => COLUMN.test(cell))
}

function indent(line: string): number {
  return line.length - line.trimStart().length
}
