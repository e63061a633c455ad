/** Writes a journal in which one pipeline has the given number of events and no snapshot. */

import { decide } from '../dist/domain/decide.js';
import { evolve } from '../dist/domain/evolve.js';
import { initialState } from '../dist/domain/state.js';
import { openEmbeddedJournal } from '../dist/journals/embedded/open.js';
import { CONFIG } from './actor-load.mjs';

const [path, events] = process.argv.slice(2);
const journal = await openEmbeddedJournal({ path, durability: 'relaxed' });
const id = 'recovered';
let state = initialState();
let sequence = 0;
let pending = [];

async function apply(command) {
  const now = 1_700_000_000_000 + sequence * 10;
  const decision = decide(state, command, { pipelineId: id, now, random: 0.5, activeBatchOrphaned: false });
  for (const data of decision.events) {
    state = evolve(state, data);
    pending.push({ data, tags: ['pipeline-events', 'all-events'], timestamp: data.timestamp });
    sequence += 1;
  }
  if (pending.length >= 3000) await flush();
}

async function flush() {
  await journal.append(id, sequence - pending.length, pending);
  pending = [];
}

await apply({ type: 'CreatePipeline', id, name: id, description: '', config: CONFIG });
await apply({ type: 'StartPipeline' });
for (let offset = 0; sequence < Number(events) - 1; offset += 500) {
  const batchId = `${id}:${offset}`;
  await apply({ type: 'IngestBatch', batchId, recordCount: 500, sourceOffset: offset });
  const progress = {
    offset: offset + 500,
    source: { byte: offset * 60, line: offset + 2 },
    sink: { bytes: offset * 50 },
  };
  await apply({
    type: 'CompleteBatch',
    batchId,
    successCount: 498,
    failureCount: 2,
    processingTimeMs: 12.5,
    deadLettered: [],
    progress,
  });
}
await apply({ type: 'StopPipeline', reason: 'written' });
await flush();
await journal.close();
console.log(JSON.stringify({ events: sequence }));
