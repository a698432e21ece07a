import { expect, test } from 'vitest'
import { fileName } from './download'

test('a file has the name that the server gives it, in any script', () => {
  const disposition = 'attachment; filename="conversation.md"; filename*=UTF-8\'\'%E5%B0%8F%E7%99%BD.md'
  expect(fileName(disposition, 'x.md')).toBe('小白.md')
})
test('where that cannot be read, the plain one', () => {
  expect(fileName('attachment; filename="conversation.md"; filename*=UTF-8\'\'%E5%', 'x.md')).toBe('conversation.md')
  expect(fileName('attachment; filename="wukong.json"', 'x.md')).toBe('wukong.json')
})
test('where there is none, the one that was thought of', () => {
  expect(fileName(null, 'x.md')).toBe('x.md')
})
