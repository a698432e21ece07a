// A tool that the SDK runs: node tool.mjs URL MESSAGE
import { tool } from '@openai/agents/realtime';
import { open, report, waiter } from './session.mjs';

const [url, message] = process.argv.slice(2);
const calls = [];
const getWeather = tool({
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  strict: true,
  execute: async ({ city }) => {
    calls.push(city);
    return `22 degrees in ${city}`;
  },
});
const { session, seen } = await open(url, { tools: [getWeather] });
const until = waiter(session, seen);
session.sendMessage(message);
await until('response.done');
await until('response.done');
report(session, seen, { calls });
