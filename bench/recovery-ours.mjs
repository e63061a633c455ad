/** Recovers the one pipeline of a journal. Prints { eventsPerSecond, longestBlockMs, peakMegabytes }. */
import { openEmbeddedJournal } from '../dist/journals/embedded/open.js';
import { NO_RECORDER } from '../dist/metrics/recorder.js';
import { systemClock } from '../dist/runtime/clock.js';
import { PipelineRuntime } from '../dist/runtime/runtime.js';
import { peakMegabytes } from './measure.mjs';

const [path] = process.argv.slice(2);
const journal = await openEmbeddedJournal({ path });
let replayed = 0;
let seconds = 0;
const runtime = new PipelineRuntime({
  journal,
  clock: systemClock,
  random: Math.random,
  recorder: {
    ...NO_RECORDER,
    recovered(duration, events) {
      seconds = duration;
      replayed = events;
    },
  },
  limits: { mailboxLimit: 1000, prefetchBatches: 2, snapshots: { every: 0, keep: 2, deleteEvents: false } },
  connect: async () => ({ source: undefined, transforms: [], sink: { write: async () => {} }, deadLetter: undefined }),
  warn: (message, error) => console.error(message, error),
});

// The time between two turns of the event loop is the time that everybody else waits.
let longestBlockMs = 0;
let last = performance.now();
let watching = true;
const watch = () => {
  const now = performance.now();
  longestBlockMs = Math.max(longestBlockMs, now - last);
  last = now;
  if (watching) setImmediate(watch);
};
setImmediate(watch);

const { metrics } = await runtime.spawn('recovered').ready;
watching = false;
if (metrics.totalBatchesProcessed === 0) throw new Error('nothing was recovered');
const peak = peakMegabytes();
await runtime.stopAll(1000);
await journal.close();
console.log(JSON.stringify({ eventsPerSecond: replayed / seconds, longestBlockMs, peakMegabytes: peak }));
