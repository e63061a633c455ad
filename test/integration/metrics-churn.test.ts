import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const CHILD = fileURLToPath(new URL('./metrics-churn-child.mjs', import.meta.url));

function run(): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', CHILD], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`ended with code ${code}`))));
  });
}

test('100,000 pipelines that come and go leave nothing: memory is flat, the next one is exact', async () => {
  const { before, after, pointsBefore, pointsAfter, next } = JSON.parse(await run());
  expect(pointsAfter).toBe(pointsBefore);
  expect(after / before).toBeLessThan(1.05);
  expect(next).toEqual({
    'dataflow.batches.processed': 1,
    'dataflow.batches.failed': 1,
    'dataflow.batches.timeouts': 0,
    'dataflow.batch.processing.time.ms': 1,
    'dataflow.batch.duration': 1,
    'dataflow.batches.inflight': 0,
    'dataflow.batches.deduplicated': 0,
  });
});
