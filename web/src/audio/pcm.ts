/** 16-bit samples as numbers from -1 to 1. */
export function floats(pcm: Int16Array): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(pcm.length)
  for (let place = 0; place < pcm.length; place++) samples[place] = (pcm[place] ?? 0) / 32768
  return samples
}

export function toBase64(pcm: Int16Array): string {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

/** The samples in a base64 text; half a sample at its end is left out. */
export function fromBase64(text: string): Int16Array {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1)
}
