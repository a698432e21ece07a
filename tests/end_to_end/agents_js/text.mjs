// Typed turns, one after another: node text.mjs URL MESSAGE…
import { open, report, waiter } from './session.mjs';

const [url, ...messages] = process.argv.slice(2);
const { session, seen } = await open(url);
const until = waiter(session, seen);
for (const message of messages) {
  session.sendMessage(message);
  await until('response.done');
}
report(session, seen);
