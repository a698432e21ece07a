import { expect, test } from 'vitest'
import { parseBlocks, parseInline, type Block, type Inline } from './parse'

const text = (words: string): Inline => ({ kind: 'text', text: words })
const paragraph = (...children: Inline[]): Block => ({ kind: 'paragraph', children })

/** All text of a tree. */
function words(nodes: (Block | Inline)[]): string {
  return nodes
    .map((node) => {
      if ('text' in node) return node.text
      if ('children' in node) return words(node.children)
      if (node.kind === 'list') return node.items.map(words).join('')
      if (node.kind === 'table') return [node.head, ...node.rows].flat().map(words).join('')
      return ''
    })
    .join('')
}

test('a script is text', () => {
  const script = '<script>alert(1)</script><img src=x onerror=alert(1)>'
  expect(parseBlocks(script)).toEqual([paragraph(text(script))])
})

test.each(['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', '//evil.example', 'https:evil', ' javascript:x'])(
  'a link to %s is text',
  (address) => {
    expect(parseInline(`[a](${address})`).every(({ kind }) => kind === 'text')).toBe(true)
  },
)

test('a picture is a link, and is not fetched', () => {
  const link = { kind: 'link', address: 'https://example.org/a.png', children: [text('cat')] }
  expect(parseInline('![cat](https://example.org/a.png)')).toEqual([link])
})

test('an address ends before Chinese punctuation', () => {
  expect(parseInline('看https://example.org/a。好')[1]).toMatchObject({ address: 'https://example.org/a' })
})

test('Chinese in quotation marks can be bold', () => {
  expect(parseInline('他说**“你好”**吗')[1]).toEqual({ kind: 'strong', children: [text('“你好”')] })
})

test('a code block that is still open is one already', () => {
  expect(parseBlocks('Look:\n```py\nx = 1')).toEqual([paragraph(text('Look:')), { kind: 'code', text: 'x = 1' }])
})

test('marks that are still open are text', () => {
  expect(parseInline('so **much')).toEqual([text('so **much')])
})

test('lists nest, number from where they begin, and may have gaps', () => {
  const item = (...children: Block[]): Block[] => [paragraph(text('a')), ...children]
  expect(parseBlocks('- a\n  - a\n- a')).toEqual([
    { kind: 'list', first: null, items: [item({ kind: 'list', first: null, items: [item()] }), item()] },
  ])
  expect(parseBlocks('3. a\n\n4. a')).toEqual([{ kind: 'list', first: 3, items: [item(), item()] }])
  expect(parseBlocks('- a\n1. a').map(({ kind }) => kind)).toEqual(['list', 'list'])
})

test('a table has a head and rows', () => {
  const table = parseBlocks('| a | b |\n|---|:-:|\n| 1 | **2** |')
  expect(table).toEqual([
    { kind: 'table', head: [[text('a')], [text('b')]], rows: [[[text('1')], [{ kind: 'strong', children: [text('2')] }]]] },
  ])
})

test('a heading may be closed', () => {
  const heading = (title: string): Block => ({ kind: 'heading', level: 2, children: [text(title)] })
  expect(parseBlocks('## One ##\n## C#\n## Two')).toEqual([heading('One'), heading('C'), heading('Two')])
})

// Each of these took seconds to minutes once; a test that takes more than five has failed.
test.each([
  `# a${' '.repeat(50_000)}x`,
  `# ${'#'.repeat(50_000)}x`,
  `|\n${' '.repeat(50_000)}`,
  `|\n|${' -'.repeat(25_000)}`,
  `a${' '.repeat(50_000)}b`,
  Array.from({ length: 300 }, (_, length) => '`'.repeat(length + 1)).join(' a '),
  '`a '.repeat(16_000),
  '**a '.repeat(12_000),
  '~~a '.repeat(12_000),
  `- ${' '.repeat(50_000)}`,
  `---${' '.repeat(50_000)}x`,
  `${'- '.repeat(25_000)}x`,
])('a text made to be slow is not', (slow) => {
  parseBlocks(slow)
})

test.each(['*', '[', '> ', '`', '**a', '_a', '|', '- ', '  - a\n', '~~', '#', '[a](', '!', '\\', ' ', '> - '])(
  'of 50,000 characters of %j nothing is lost but marks, and no stack overflows',
  (piece) => {
    const letters = piece.repeat(50_000 / piece.length)
    expect(words(parseBlocks(letters)).match(/a/g)?.length ?? 0).toBe(letters.match(/a/g)?.length ?? 0)
  },
)
