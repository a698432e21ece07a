// A spoken question, an interruption while the answer plays, another question: node voice.mjs URL PCM PCM PCM
import { readFileSync } from 'node:fs';
import { microphone, open, report, waiter } from './session.mjs';

const [url, ...files] = process.argv.slice(2);
const [question, interruption, another] = files.map((file) => readFileSync(file));
const { session, seen } = await open(url, {
  instructions: 'You are a storyteller. Answer at length, in many sentences.',
});
const until = waiter(session, seen);
const { say, stop } = microphone(session);
await until('session.updated');
say(question);
await until('response.output_audio.delta');
say(interruption);
const interrupted = await until('response.done');
say(another);
let last = await until('response.done');
while (last.response.status !== 'completed') last = await until('response.done');
stop();
report(session, seen, { statuses: [interrupted, last].map((event) => event.response.status) });
