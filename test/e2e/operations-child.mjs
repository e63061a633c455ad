/**
 * One process of a fleet in which everything goes wrong that an alert knows: `operations-child.mjs <role>`. Prints the
 * address of its metrics, and ends with its standard input. DATABASE_URL is for the one that shares its pipelines.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { startPlatform } from '../../dist/index.js';

const [role] = process.argv.slice(2);

/** Five records a batch, a batch each 200 ms, for ever. */
async function* records() {
  for (let n = 0; ; n++) yield { n };
}
const source = (over = {}) => Object.assign(records(), { batchSize: 5, pollIntervalMs: 200, ...over });
const taking = { write: async () => {} };
const failing = (code) => ({
  write: async () => {
    throw Object.assign(new Error('The other side is not there'), { code });
  },
});
const endless = {
  write: (_records, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
};

/** By role: the platform's options, the pipelines, and what else happens to the process. */
const ROLES = {
  healthy: {
    options: { metrics: { actors: { enabled: true, track: { include: ['**'] } } } },
    pipelines: [
      { id: 'busy', source: source(), sink: taking },
      { id: 'idle', sink: taking },
      { id: 'paused', source: source(), sink: taking },
      { id: 'stopped', source: source(), sink: taking },
      { id: 'never-started', source: source(), sink: taking },
      { id: 'stumbling', source: source(), sink: stumbling(), retry: { initialMs: 10 } },
    ],
    async afterStart(platform) {
      await platform.pipeline('paused').pause('for the test');
      await platform.pipeline('stopped').stop('for the test');
    },
  },
  faulty: {
    pipelines: [
      { id: 'busy', source: source(), sink: taking },
      { id: 'failed', source: source(), sink: failing('EACCES') },
      {
        id: 'refused',
        source: source(),
        sink: everySecond(failing('ECONNREFUSED')),
        retry: { initialMs: 10, maxRetries: 50 },
      },
      {
        id: 'stuck',
        source: source(),
        sink: failing('ETIMEDOUT'),
        retry: { initialMs: 1500, maxMs: 1500, maxRetries: 10_000 },
      },
      {
        id: 'slow',
        source: source(),
        sink: endless,
        batchTimeoutMs: 1000,
        retry: { initialMs: 250, maxMs: 250, maxRetries: 10_000 },
      },
      { id: 'withheld', source: withholding(), sink: taking },
      {
        id: 'dirty',
        source: source(),
        transforms: [
          (record) => {
            if (record.n % 5 === 0) throw new Error('dirty');
            return record;
          },
        ],
        sink: taking,
        deadLetter: taking,
      },
    ],
  },
  saturated: {
    pipelines: [{ id: 'busy', source: source(), sink: taking }],
    afterStart() {
      const block = () => {
        const end = performance.now() + 150;
        while (performance.now() < end);
        setImmediate(block);
      };
      block();
    },
  },
  overflowing: {
    options: { metrics: { seriesLimit: 2 } },
    pipelines: Array.from({ length: 4 }, (_, n) => ({ id: `pipeline-${n}`, source: source(), sink: taking })),
  },
  fat: {
    pipelines: [{ id: 'busy', source: source(), sink: taking }],
    async afterStart() {
      // On the heap, near its limit, and beside it. Step by step: V8 gives up where it does nothing but collect.
      const fat = [];
      const { heap_size_limit: limit } = getHeapStatistics();
      while (getHeapStatistics().used_heap_size < 0.92 * limit) {
        fat.push(new Array(100_000).fill(fat.length + 0.5));
        await pause(5);
      }
      globalThis.kept = [fat, Buffer.alloc(1 << 30, 1)];
    },
  },
  gone: { pipelines: [{ id: 'busy', source: source(), sink: taking }] },
  sharing: {
    options: { journal: { kind: 'postgres', url: process.env.DATABASE_URL }, cluster: { enabled: true } },
    pipelines: [{ id: 'busy', source: source(), sink: taking }],
  },
};

/** One batch in fifty fails once. */
function stumbling() {
  let batches = 0;
  return {
    write: async (_records, { attempt }) => {
      batches += 1;
      if (attempt === 1 && batches % 50 === 0) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    },
  };
}

/** Each batch is taken at the second attempt. */
function everySecond({ write }) {
  return { write: async (batch, context) => (context.attempt === 1 ? write(batch, context) : undefined) };
}

/** It has more, and says so, but gives nothing after the first batch. */
function withholding() {
  return {
    async *read(checkpoint, { signal }) {
      if (checkpoint.offset === 0) yield { records: [{ n: 0 }], lagRecords: 1000 };
      await pause(2 ** 31 - 1, undefined, { signal }).catch(() => undefined);
    },
  };
}

const { options = {}, pipelines, afterStart = () => undefined } = ROLES[role];
const platform = await startPlatform({
  env: {},
  configFile: false,
  journal: { kind: 'memory' },
  ...options,
  statusPage: { enabled: false },
  metrics: { tickInterval: '1s', prometheus: { host: '127.0.0.1', port: 0 }, ...options.metrics },
});
for (const spec of pipelines) {
  const pipeline = await platform.spawnPipeline(spec);
  if (spec.id !== 'never-started') await pipeline.start();
}
await afterStart(platform);
process.stdin.once('end', () => process.exit(0)).resume();
console.log(new URL(platform.metricsUrl).host);
