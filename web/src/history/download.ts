/** The name in a `Content-Disposition`, the one that has all characters first. */
export function fileName(disposition: string | null, otherwise: string): string {
  const whole = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1]
  try {
    if (whole) return decodeURIComponent(whole)
  } catch {
    // not encoded as it should be: the plain name
  }
  return /filename="([^"]+)"/i.exec(disposition ?? '')?.[1] ?? otherwise
}

/** Let the browser keep an answer as a file: its own download would not send the key. */
export async function keep(answer: Response, otherwise: string): Promise<void> {
  const address = URL.createObjectURL(await answer.blob())
  const link = document.createElement('a')
  link.href = address
  link.download = fileName(answer.headers.get('Content-Disposition'), otherwise)
  link.click()
  setTimeout(() => {
    URL.revokeObjectURL(address) // not at once: some browsers begin to read it later
  }, 60_000)
}
