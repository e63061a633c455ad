import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import type { CodeSource, PipelineSpec } from '../../src/platform/code-parts.ts';
import { type PlatformOptions, startPlatform } from '../../src/platform/start.ts';
import { startTestPlatform } from '../../src/testing/test-platform.ts';
import { folderWith } from '../support/folder.ts';

const NUMBERS = Array.from({ length: 25 }, (_, n) => ({ n }));
async function* numbers() {
  for (const record of NUMBERS) yield record;
}

async function through(parts: Pick<PipelineSpec, 'source' | 'transforms'>): Promise<unknown[]> {
  const { platform } = await startTestPlatform();
  const written: unknown[] = [];
  const pipeline = await platform.spawnPipeline({
    id: 'code',
    name: 'code',
    ...parts,
    sink: { write: (records) => void written.push(...records) },
  });
  await pipeline.start();
  expect(await pipeline.completion()).toMatchObject({ status: 'stopped', stopReason: 'source completed' });
  await platform.shutdown();
  return written;
}

describe('a source may be', () => {
  test.each<[string, () => CodeSource]>([
    ['an async iterable', () => numbers()],
    ['an array', () => NUMBERS],
    ['a set', () => new Set(NUMBERS)],
    ['a synchronous generator', () => NUMBERS.values()],
    ['an object with open', () => ({ open: () => numbers() })],
    ['an object with an asynchronous open', () => ({ open: async ({ offset }) => NUMBERS.slice(Number(offset)) })],
    ['a Node.js stream of objects', () => Readable.from(NUMBERS)],
    [
      'an object with read',
      () => ({
        read: async function* () {
          yield { records: NUMBERS };
        },
      }),
    ],
    ['an iterable with its batch size', () => Object.assign([...NUMBERS], { batchSize: 10 })],
  ])('%s', async (_name, source) => {
    expect(await through({ source: source() })).toEqual(NUMBERS);
  });

  test('a file stream, whose own open and read mean something else', async () => {
    const folder = await folderWith({ 'in.txt': 'hello\nworld\n' });
    const chunks = await through({ source: createReadStream(join(folder, 'in.txt'), 'utf8') });
    expect(chunks).toEqual(['hello\nworld\n']);
    // An interface of readline loses what it reads before it is iterated, so it is made when the source is opened.
    const open = () => createInterface({ input: createReadStream(join(folder, 'in.txt')) });
    expect(await through({ source: { open } })).toEqual(['hello', 'world']);
  });

  test('one that throws, before and after records', async () => {
    const { platform } = await startTestPlatform();
    const written: unknown[] = [];
    const pipeline = await platform.spawnPipeline({
      id: 'throws',
      source: (async function* () {
        yield 1;
        yield 2;
        throw new Error('the well is dry');
      })(),
      sink: { write: (records) => void written.push(...records) },
    });
    await pipeline.start();
    await expect(pipeline.completion()).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_PIPELINE_FAILED',
      message: expect.stringContaining('the well is dry'),
    });
    expect(written).toEqual([1, 2]);
    expect(await pipeline.state()).toMatchObject({ error: { errorType: 'source' }, checkpoint: { offset: 2 } });
    await platform.shutdown();
  });
});

describe('a transform may', () => {
  test.each<[string, PipelineSpec['transforms'], unknown[]]>([
    ['map', [(record: { n: number }) => record.n * 2], NUMBERS.map(({ n }) => n * 2)],
    ['be asynchronous', [async (record: { n: number }) => record.n], NUMBERS.map(({ n }) => n)],
    ['drop with undefined', [(record: { n: number }) => (record.n < 3 ? record : undefined)], NUMBERS.slice(0, 3)],
    ['give several', [({ n }: { n: number }) => (n < 2 ? [n, -n] : [])], [0, -0, 1, -1]],
    [
      'follow another that gave several',
      [({ n }: { n: number }) => (n === 1 ? [1, 2] : []), (n: number) => n + 1],
      [2, 3],
    ],
    ['be an object', [{ apply: (record) => record }], NUMBERS],
  ])('%s', async (_name, transforms, expected) => {
    expect(await through({ source: [...NUMBERS], ...(transforms && { transforms }) })).toEqual(expected);
  });

  test('throw: the record is a dead letter, with code and record, and the others go on', async () => {
    const { platform, metricValue } = await startTestPlatform();
    const letters: unknown[] = [];
    const pipeline = await platform.spawnPipeline({
      id: 'code',
      name: 'code',
      source: [1, 2, 3],
      transforms: [
        (n: number) => {
          if (n === 2) throw Object.assign(new Error('two'), { code: 'ODD' });
          return n;
        },
      ],
      sink: { write: () => {} },
      deadLetter: { write: (records) => void letters.push(...records) },
    });
    await pipeline.start();
    await pipeline.completion();
    expect(letters).toMatchObject([{ record: 2, error: { code: 'ODD', message: 'two', type: 'transform' } }]);
    expect(await metricValue('dataflow.records.dead.lettered', { pipeline_id: 'code', error_code: 'ODD' })).toBe(1);
    expect(await metricValue('dataflow.records.failed', { pipeline_id: 'code' })).toBe(1);
    expect(await metricValue('dataflow.records.processed', { pipeline_id: 'code' })).toBe(2);
    await platform.shutdown();
  });
});

test('registered types are named in specifications', async () => {
  const { platform } = await startTestPlatform();
  const written: unknown[] = [];
  platform.registerSource('count', ({ options }) => Array.from({ length: Number(options.to) }, (_, n) => n));
  platform.registerTransform(
    'add',
    ({ amount }) =>
      (n) =>
        Number(n) + Number(amount),
  );
  platform.registerSink('collect', () => ({ write: (records) => void written.push(...records) }));
  expect(() => platform.registerSink('collect', () => ({ write: () => {} }))).toThrow(
    expect.objectContaining({ code: 'DATAFLOW_ERR_CONNECTOR_INVALID' }),
  );
  const pipeline = await platform.spawnPipeline({
    id: 'registered',
    source: { type: 'count', connectionString: 'memory', options: { to: 3 } },
    transforms: [{ type: 'add', config: { amount: 10 } }],
    sink: { type: 'collect', connectionString: 'memory' },
  });
  await pipeline.start();
  await pipeline.completion();
  expect(written).toEqual([10, 11, 12]);
  await platform.shutdown();
});

describe('after a restart', () => {
  const quiet = (path: string): PlatformOptions => ({
    journal: { kind: 'embedded', path },
    env: {},
    configFile: false,
    statusPage: { enabled: false },
    metrics: { prometheus: { enabled: false }, host: { groups: [] } },
  });

  test('a running pipeline with code waits until it is spawned again, then goes on from its checkpoint', async () => {
    const folder = await folderWith();
    const written: unknown[] = [];
    let open = () => {};
    const reached = new Promise<void>((resolve) => {
      open = resolve;
    });
    const spec = (isHeld: boolean): PipelineSpec => ({
      id: 'code',
      name: 'code',
      source: {
        batchSize: 2,
        open: async function* ({ offset }: { offset: number | string }) {
          for (let n = Number(offset); n < 10; n++) {
            if (isHeld && n === 6) {
              open();
              await new Promise(() => {});
            }
            yield n;
          }
        } as never,
      },
      sink: { write: (records) => void written.push(...records) },
    });
    const first = await startPlatform(quiet(folder));
    const begun = await first.spawnPipeline(spec(true));
    await begun.start();
    await reached;
    while (((await begun.state()) as { checkpoint: { offset: number } }).checkpoint.offset < 6)
      await new Promise(setImmediate);
    await first.shutdown();
    expect(written).toEqual([0, 1, 2, 3, 4, 5]);

    await using second = await startPlatform(quiet(folder));
    expect(second.listPipelines()).toMatchObject([{ id: 'code', status: 'running' }]);
    const points = await second.metrics.snapshot();
    const value = (name: string) => points.find((point) => point.name === name)?.value;
    expect(value('dataflow.pipelines.running')).toBe(1);
    expect(value('dataflow.batches.processed')).toBe(0);
    expect(value('dataflow.records.processed')).toBe(0);
    await expect(second.spawnPipeline({ ...spec(false), description: 'else' })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_PIPELINE_CONFLICT',
    });
    const again = await second.spawnPipeline(spec(false));
    expect(await again.completion()).toMatchObject({ stopReason: 'source completed', checkpoint: { offset: 10 } });
    expect(written).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('one that still waits for its code does not hold a shutdown', async () => {
    const folder = await folderWith();
    const first = await startPlatform(quiet(folder));
    const pipeline = await first.spawnPipeline({
      id: 'code',
      name: 'code',
      source: numbers(),
      sink: { write: () => {} },
    });
    await pipeline.start();
    await first.shutdown({ timeoutMs: 0 });
    const second = await startPlatform(quiet(folder));
    await second.shutdown({ timeoutMs: 1_000 });
  });
});
