/**
 * Actors that append one event each and wait until it is durable before the next, for some seconds. Prints events a
 * second, and the share of the time in which the event loop was busy.
 */
import { performance } from 'node:perf_hooks';
import { WRITERS } from './journal-writers.mjs';

const [kind, optionsText] = process.argv.slice(2);
const options = JSON.parse(optionsText);
const { actors, seconds } = options;

const writer = await WRITERS[kind](options);
const numbers = new Array(actors).fill(0);

async function run(durationMs) {
  const until = performance.now() + durationMs;
  let count = 0;
  await Promise.all(
    numbers.map(async (_, actor) => {
      while (performance.now() < until) {
        numbers[actor] += 1;
        await writer.append(actor, numbers[actor]);
        count += 1;
      }
    }),
  );
  return count;
}

await run(seconds * 250);
const startedAt = performance.now();
const before = performance.eventLoopUtilization();
const count = await run(seconds * 1000);
const { utilization } = performance.eventLoopUtilization(before);
const eventsPerSecond = count / ((performance.now() - startedAt) / 1000);
await writer.close();
console.log(JSON.stringify({ eventsPerSecond, utilization }));
