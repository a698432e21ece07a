import captureUrl from './capture.worklet.ts?worker&url'
import type { Heard } from './framer'

/** Why there is no microphone, and so what the user can do. */
export type Reason = 'insecure' | 'refused' | 'missing' | 'taken' | 'silent' | 'failed'

const LONGEST_START_MS = 4000

export class NoMicrophone extends Error {
  constructor(readonly reason: Reason) {
    super(reason)
  }
}

/** The user's microphone: frames of 20 ms, 16-bit mono at 16 kHz, without the echo of what the page plays. */
export class Microphone {
  onframe: (frame: Int16Array<ArrayBuffer>, rms: number) => void = () => undefined
  /** It was unplugged, or taken away. */
  onlost: () => void = () => undefined
  #context: AudioContext | null = null
  #stream: MediaStream | null = null
  /** Another number each time it is closed: what comes late of an opening belongs to nobody. */
  #closed = 0

  /**
   * @param device Its id; '' is the usual one.
   * @returns Whether it is open: it may have been closed while the browser asked.
   * @throws {NoMicrophone}
   */
  async open(device = ''): Promise<boolean> {
    this.close()
    const closed = this.#closed
    if (!isSecureContext || !('mediaDevices' in navigator)) throw new NoMicrophone('insecure')
    try {
      const stream = await ask(device).catch((error: unknown) => {
        if (device && error instanceof Error && error.name === 'OverconstrainedError') return ask('') // it is unplugged
        throw error
      })
      if (closed !== this.#closed) {
        stop(stream)
        return false
      }
      this.#stream = stream
      const context = (this.#context = new AudioContext({ latencyHint: 'interactive' }))
      await context.audioWorklet.addModule(captureUrl)
      if (closed !== this.#closed) return false
      const node = new AudioWorkletNode(context, 'myna-capture', { numberOfOutputs: 0, channelCount: 1 })
      node.port.onmessage = ({ data }: MessageEvent<Heard>) => {
        if (this.#context === context) this.onframe(data.frame, data.rms)
      }
      context.createMediaStreamSource(stream).connect(node)
      stream.getAudioTracks()[0]?.addEventListener('ended', () => {
        if (this.#stream === stream) this.onlost()
      })
      await started(context)
      return closed === this.#closed
    } catch (error) {
      if (closed !== this.#closed) return false
      this.close()
      throw new NoMicrophone(reason(error))
    }
  }

  close(): void {
    this.#closed++
    if (this.#stream) stop(this.#stream)
    void this.#context?.close()
    this.#stream = this.#context = null
  }
}

/** With `ideal` in the place of `exact`, Chromium may give the usual one instead. */
function ask(device: string): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia({
    audio: {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      channelCount: 1,
      ...(device && { deviceId: { exact: device } }),
    },
  })
}

/** Firefox computes no sound, not even a microphone's, where it finds no loudspeaker; and never says so. */
async function started(context: AudioContext): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => { reject(new NoMicrophone('silent')) }, LONGEST_START_MS)
  })
  await Promise.race([context.resume(), late])
}

function stop(stream: MediaStream): void {
  stream.getTracks().forEach((track) => {
    track.stop()
  })
}

function reason(error: unknown): Reason {
  if (error instanceof NoMicrophone) return error.reason
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused'
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing'
    case 'NotReadableError':
    case 'AbortError':
      return 'taken'
    default:
      return 'failed'
  }
}
