import { expect, test } from 'vitest'
import { sentences } from './browser_voice'

test('a sentence is whole when the next one has begun', () => {
  expect(sentences('Hello! How are you')).toEqual({ whole: ['Hello! '], rest: 'How are you' })
  expect(sentences('你好！我是')).toEqual({ whole: ['你好！'], rest: '我是' })
  expect(sentences('It costs 3.5')).toEqual({ whole: [], rest: 'It costs 3.5' })
})

test('what closes a sentence belongs to it', () => {
  expect(sentences('他说：“好。”然后走了。完')).toEqual({ whole: ['他说：“好。”', '然后走了。'], rest: '完' })
})

test('what has no words is not spoken', () => {
  expect(sentences('!!! \n\n好。啊').whole).toEqual(['好。'])
})
