/** Keep the screen on while it is held; a page that was hidden asks again. Gives what ends it. */
export function keepAwake(): () => void {
  if (!('wakeLock' in navigator)) return () => undefined
  let lock: Promise<WakeLockSentinel | null> = Promise.resolve(null)
  const ask = (): void => {
    if (document.visibilityState === 'visible') lock = navigator.wakeLock.request('screen').catch(() => null) // a low battery
  }
  ask()
  document.addEventListener('visibilitychange', ask)
  return () => {
    document.removeEventListener('visibilitychange', ask)
    void lock.then((held) => held?.release())
  }
}
