export interface Rounds {
  /** The next round begins now, if none is under way. */
  now: () => void
  end: () => void
}

/** Do something at once, and again so long after each time that it is done, while the page can be seen. */
export function repeat(work: (until: AbortSignal) => Promise<void>, every_ms: number): Rounds {
  const over = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = false

  async function round(): Promise<void> {
    clearTimeout(timer)
    if (running || over.signal.aborted || document.visibilityState === 'hidden') return
    running = true
    try {
      await work(over.signal)
    } finally {
      running = false
      if (!isOver()) timer = setTimeout(now, every_ms)
    }
  }

  function isOver(): boolean {
    return over.signal.aborted
  }

  function now(): void {
    void round()
  }

  document.addEventListener('visibilitychange', now)
  now()
  return {
    now,
    end: () => {
      over.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', now)
    },
  }
}
