/**
 * An owner of a pipeline with a file sink: `sink-owner-child.mjs <path> <epoch> <takeoverEpoch> <committed>`. It writes
 * one small batch after another, some times each, and commits it by asking: it says `{ commit, text }`, and reads a line for the answer.
 * Refused, it writes the batch twice again, as one does that has not understood, and says how that ended.
 */
import { createInterface } from 'node:readline';
import { FILE_SINK } from '../../dist/connectors/sinks/file.js';
import { say } from './support/say.mjs';

const [path, epoch, takeoverEpoch, committedBefore] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { signal } = new AbortController();
const lease = { epoch: Number(epoch), takeoverEpoch: Number(takeoverEpoch) };
let committed = committedBefore === '' ? undefined : JSON.parse(committedBefore);

try {
  const sink = FILE_SINK.create({ type: 'file', connectionString: path, batchSize: 500, options: { fsync: false } });
  say({ opening: true });
  await sink.open({ pipelineId: 'p', committed, fresh: false, lease, signal });
  for (let sequence = 1, refused = 0; refused < 3; sequence++) {
    const text = `epoch ${epoch}, batch ${sequence} ${'x'.repeat((sequence * 97_700) % 200_000)}`;
    const context = { pipelineId: 'p', batchId: `p:${sequence}`, committed, sequence, lease, signal };
    let result;
    // As after failures of what came behind the sink: most of its time goes into writing.
    for (let attempt = 1; attempt <= 6; attempt++) result = await sink.write([text], { ...context, attempt });
    say({ commit: result.committed, text });
    const { value } = await answers.next();
    if (value === 'durable') committed = result.committed;
    else refused += 1;
  }
  say({ ended: 'unfenced' });
} catch (error) {
  say({ ended: error.code ?? error.message });
}
process.exit();
