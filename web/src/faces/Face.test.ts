import { render } from 'svelte/server'
import { describe, expect, it } from 'vitest'
import { EMOTIONS } from './expressions'
import Face from './Face.svelte'

describe('the markup of a face', () => {
  const props = { avatar: '🦊', mouth: 0.4, state: 'speaking' as const, label: 'Monkey King, <happy> & "loud"' }
  const personas = ['wukong', 'harry-potter', 'iron-man', 'assistant', 'assistant-zh', 'someone-else']

  it.each(personas)('of %s has a name, and nothing that a strict policy refuses', (persona) => {
    for (const emotion of EMOTIONS) {
      const { body } = render(Face, { props: { ...props, persona, emotion, picture: null } })
      expect(body).toContain('role="img" aria-label="Monkey King, &lt;happy> &amp; &quot;loud&quot;"')
      expect(body).not.toMatch(/ style=|<foreignObject|<image|href=|NaN|undefined/)
      const ids = [...body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
      expect(new Set(ids).size).toBe(ids.length)
      for (const [, id] of body.matchAll(/url\(#([^)]+)\)/g)) expect(ids).toContain(id)
    }
  })

  it('is passed over by screen readers where it has no name', () => {
    const { body } = render(Face, { props: { ...props, label: '', persona: 'wukong', emotion: 'calm', picture: null } })
    expect(body).toContain('aria-hidden="true"')
    expect(body).not.toMatch(/role=|aria-label/)
  })

  it('shows the picture of a card in place of a drawing', () => {
    const { body } = render(Face, {
      props: { ...props, persona: 'card', emotion: 'sad', picture: '/api/personas/card/avatar' },
    })
    expect(body).toContain('href="/api/personas/card/avatar"')
    expect(body).not.toMatch(/ style=|🦊/)
  })
})
