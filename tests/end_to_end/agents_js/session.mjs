// The SDK's session, opened as its documentation shows: a URL is all that is not OpenAI's.
import { RealtimeAgent, RealtimeSession } from '@openai/agents/realtime';

const FRAME_MS = 20;
const PATIENCE_MS = 120_000;
const FRAME_BYTES = 24 * FRAME_MS * 2;

export async function open(url, agent = {}, config = undefined) {
  const session = new RealtimeSession(
    new RealtimeAgent({ name: 'bird', instructions: 'Answer in one short sentence.', ...agent }),
    { transport: 'websocket', config },
  );
  const seen = { errors: [], events: [], audioBytes: 0, interruptions: 0 };
  session.on('error', ({ error }) => seen.errors.push(error));
  session.on('transport_event', (event) => seen.events.push(event));
  session.on('audio', ({ data }) => (seen.audioBytes += data.byteLength));
  session.on('audio_interrupted', () => (seen.interruptions += 1));
  setTimeout(() => {
    console.error(seen.events.map(({ type, delta, transcript }) => `${type} ${transcript ?? delta?.slice(0, 40) ?? ''}`).join('\n'));
    process.exit(1);
  }, PATIENCE_MS).unref();
  await session.connect({ apiKey: 'none', url });
  return { session, seen };
}

// The next event of this type that came or comes after those already waited for.
export function waiter(session, seen) {
  const next = {};
  return async function until(type) {
    for (;;) {
      const from = next[type] ?? 0;
      const at = seen.events.findIndex((event, place) => place >= from && event.type === type);
      if (at >= 0) {
        next[type] = at + 1;
        return seen.events[at];
      }
      await new Promise((resolve) => session.once('transport_event', resolve));
    }
  };
}

// A microphone: sends a frame every 20 ms, silent but for what it was told to say.
export function microphone(session) {
  let waiting = Buffer.alloc(0);
  const beat = setInterval(() => {
    const frame = Buffer.alloc(FRAME_BYTES);
    waiting.copy(frame);
    waiting = waiting.subarray(FRAME_BYTES);
    session.sendAudio(frame.buffer.slice(frame.byteOffset, frame.byteOffset + FRAME_BYTES));
  }, FRAME_MS);
  return {
    say: (pcm) => (waiting = Buffer.concat([waiting, pcm])),
    stop: () => clearInterval(beat),
  };
}

export function report(session, seen, more = {}) {
  session.close();
  const { errors, audioBytes, interruptions } = seen;
  const types = seen.events.map((event) => event.type);
  console.log(JSON.stringify({ history: session.history, errors, audioBytes, interruptions, types, ...more }));
}
