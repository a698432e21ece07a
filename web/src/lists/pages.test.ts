import { expect, test } from 'vitest'
import { Pages } from './pages.svelte'

interface Thing {
  id: string
  text?: string
}

/** A server with a list that can change; like Myna's, it has nothing behind what is not there. */
class Server {
  asked: (string | null)[] = []
  constructor(public ids: string[]) {}

  page = (after: string | null): Promise<{ items: Thing[]; more: boolean }> => {
    this.asked.push(after)
    const from = after === null ? 0 : this.ids.includes(after) ? this.ids.indexOf(after) + 1 : this.ids.length
    return Promise.resolve({ items: this.ids.slice(from, from + 2).map((id) => ({ id })), more: from + 2 < this.ids.length })
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

test('it begins at the top where all of a page were deleted', async () => {
  const server = new Server(['c', 'b', 'a'])
  const pages = new Pages<Thing>(server.page)
  await pages.load()
  server.ids = ['a']
  pages.drop('c')
  pages.drop('b')
  await pages.next()
  expect([ids(pages), pages.more]).toEqual(['a', false])
})

test('what moved to the top meanwhile is there once, and the rest comes all the same', async () => {
  const server = new Server(['e', 'd', 'c', 'b', 'a'])
  const pages = new Pages<Thing>(server.page)
  await pages.load()
  server.ids = ['d', 'e', 'c', 'b', 'a']
  await pages.next()
  await pages.next()
  expect(pages.items.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('an answer to an earlier question does not take the place of a later one', async () => {
  const answers: ((page: { items: Thing[]; more: boolean }) => void)[] = []
  const pages = new Pages<Thing>(() => new Promise((answer) => answers.push(answer)))
  const first = pages.load()
  const second = pages.load()
  answers[1]?.({ items: [{ id: 'new' }], more: false })
  answers[0]?.({ items: [{ id: 'old' }], more: true })
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
