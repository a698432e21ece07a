import { expect, test } from 'vitest'
import { Pages, type Page } from './pages.svelte'

interface Thing {
  id: string
  text?: string
}

/** A server with a list, sorted from z to a, that can change. */
class Server {
  constructor(public ids: string[]) {}

  page = (after: string | null): Promise<Page<Thing>> => {
    const behind = this.ids.filter((id) => after === null || id < after)
    const shown = behind.slice(0, 2)
    return Promise.resolve({ items: shown.map((id) => ({ id })), next: behind.length > 2 ? (shown.at(-1) ?? null) : null })
  }
}

const ids = (pages: Pages<Thing>) => pages.items.map(({ id }) => id).join('')

test('a list comes a page at a time until nothing is left', async () => {
  const pages = new Pages<Thing>(new Server(['e', 'd', 'c', 'b', 'a']).page)
  expect(pages.loaded).toBe(false)
  await pages.load()
  expect([ids(pages), pages.more, pages.loaded]).toEqual(['ed', true, true])
  await pages.next()
  await pages.next()
  expect([ids(pages), pages.more]).toEqual(['edcba', false])
})

test('it goes on where the last one of a page was deleted', async () => {
  const server = new Server(['e', 'd', 'c', 'b', 'a'])
  const pages = new Pages<Thing>(server.page)
  await pages.load()
  server.ids = ['e', 'c', 'b', 'a']
  pages.drop('d')
  await pages.next()
  expect(ids(pages)).toBe('ecb')
})

test('what moved meanwhile and turns up again is there once, and what is new behind it comes too', async () => {
  const pages = new Pages<Thing>((after) =>
    Promise.resolve(
      after === null
        ? { items: [{ id: 'e' }, { id: 'd' }], next: 'one' }
        : after === 'one'
          ? { items: [{ id: 'd' }, { id: 'e' }], next: 'two' }
          : { items: [{ id: 'c' }, { id: 'd' }], next: null },
    ),
  )
  await pages.load()
  await pages.next()
  expect([ids(pages), pages.more]).toEqual(['edc', false])
})

test('an answer to an earlier question does not take the place of a later one', async () => {
  const answers: ((page: Page<Thing>) => void)[] = []
  const pages = new Pages<Thing>(() => new Promise((answer) => answers.push(answer)))
  const first = pages.load()
  const second = pages.load()
  answers[1]?.({ items: [{ id: 'new' }], next: null })
  answers[0]?.({ items: [{ id: 'old' }], next: 'old' })
  await Promise.all([first, second])
  expect([ids(pages), pages.more]).toEqual(['new', false])
})

test('a change is made to the one that is meant', async () => {
  const pages = new Pages<Thing>(new Server(['b', 'a']).page)
  await pages.load()
  pages.change('a', { text: 'said' })
  pages.change('gone', { text: 'unsaid' })
  expect(pages.items).toEqual([{ id: 'b' }, { id: 'a', text: 'said' }])
})
