import { Removals } from '../lists/removals.svelte'
import { remove } from './server'

/** Who looks at the list, if anybody does. */
export const watcher: { gone: () => void; failed: (error: unknown) => void } = {
  gone: () => undefined,
  failed: () => undefined,
}

/** Personas that are to be deleted: by their own pages, and taken back in the gallery. */
export const removals = new Removals({
  send: remove,
  gone: () => {
    watcher.gone()
  },
  failed: (error) => {
    watcher.failed(error)
  },
})
