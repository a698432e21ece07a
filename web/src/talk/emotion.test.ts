import { expect, test } from 'vitest'
import { emotionOf, EmotionsHeard } from './emotion'

test('an emotion has its face by either name, and one that a persona has added is calm', () => {
  expect(['开心', 'HAPPY', 'Coquettish', '撒娇', '紧张', 'constructor'].map(emotionOf)).toEqual([
    'happy',
    'happy',
    'coquettish',
    'coquettish',
    'calm',
    'calm',
  ])
})

test('the face changes when the emotion is heard, and not when it is written', () => {
  const heard = new EmotionsHeard()
  heard.mark('r1', '开心')
  heard.received('r1', 900)
  heard.mark('r1', '悲伤')
  heard.received('r1', 500)
  expect([0, 899, 900, 1400].map((ms) => heard.at('r1', ms))).toEqual(['happy', 'happy', 'sad', 'sad'])
})

test('a reply without an emotion changes nothing', () => {
  expect(new EmotionsHeard().at('r1', 100)).toBeNull()
})
