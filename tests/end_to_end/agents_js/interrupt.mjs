// session.interrupt() in the midst of an answer, then another message: node interrupt.mjs URL MESSAGE MESSAGE
import { setTimeout } from 'node:timers/promises';
import { open, report, waiter } from './session.mjs';

const [url, message, another] = process.argv.slice(2);
const { session, seen } = await open(url);
const until = waiter(session, seen);
session.sendMessage(message);
await until('response.output_audio.delta');
await setTimeout(500);
session.interrupt();
const interrupted = await until('response.done');
const truncated = await until('conversation.item.truncated');
await until('conversation.item.retrieved');
session.sendMessage(another);
const last = await until('response.done');
report(session, seen, { truncated, statuses: [interrupted, last].map((event) => event.response.status) });
