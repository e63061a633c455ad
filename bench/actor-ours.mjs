/** Commands of one event each through our actors, on the in-memory journal. Prints { eventsPerSecond }. */
import { createMemoryJournal } from '../dist/journals/memory.js';
import { NO_RECORDER } from '../dist/metrics/recorder.js';
import { systemClock } from '../dist/runtime/clock.js';
import { PipelineRuntime } from '../dist/runtime/runtime.js';
import { CONFIG, driveAll } from './actor-load.mjs';

const [pipelines, events, outstanding] = process.argv.slice(2).map(Number);
const runtime = new PipelineRuntime({
  journal: createMemoryJournal(),
  clock: systemClock,
  random: Math.random,
  recorder: NO_RECORDER,
  limits: { mailboxLimit: 1000, prefetchBatches: 2, snapshots: { every: 0, keep: 2, deleteEvents: false } },
  connect: async () => ({ source: undefined, transforms: [], sink: { write: async () => {} }, deadLetter: undefined }),
  warn: (message, error) => console.error(message, error),
});
const actors = [];
for (let i = 0; i < pipelines; i++) {
  const actor = runtime.spawn(`p${i}`);
  await actor.send({ type: 'CreatePipeline', id: `p${i}`, name: `p${i}`, description: '', config: CONFIG });
  await actor.send({ type: 'StartPipeline' });
  actors.push(actor);
}
const eventsPerSecond = await driveAll(actors, events, outstanding, (actor) =>
  actor.send({ type: 'UpdateCheckpoint' }),
);
await runtime.stopAll(1000);
console.log(JSON.stringify({ eventsPerSecond }));
