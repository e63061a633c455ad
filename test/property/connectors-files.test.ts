import { appendFileSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { FILE_SINK } from '../../src/connectors/sinks/file.ts';
import { FILE_SOURCE } from '../../src/connectors/sources/file.ts';
import type { Json } from '../../src/domain/json.ts';
import {
  openSink,
  readAll,
  recordsOf,
  rejectedOf,
  START,
  sinkSpec,
  sourceSpec,
  temporaryFolder,
  writeTo,
} from '../unit/connectors/support/harness.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const RUNS = { numRuns: 60 };

async function writeAll(path: string, batches: readonly (readonly unknown[])[]): Promise<Json | undefined> {
  const sink = FILE_SINK.create(sinkSpec(path, { fsync: false }));
  await openSink(sink);
  let committed: Json | undefined;
  for (const batch of batches) {
    const result = await writeTo(sink, batch, committed);
    expect(result.rejected).toBeUndefined();
    committed = result.committed;
  }
  await sink.close!();
  return committed;
}

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', ',', '\n', '\r', ' ', '\uFEFF'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
});
const columns = fc.uniqueArray(
  text.filter((name) => name !== ''),
  { minLength: 1, maxLength: 4 },
);
const rows = columns.chain((names) =>
  fc.array(
    fc.array(
      fc
        .array(text, { minLength: names.length, maxLength: names.length })
        .map((cells) => Object.fromEntries(names.map((name, index) => [name, cells[index]]))),
      { maxLength: 6 },
    ),
    { maxLength: 5 },
  ),
);
const json = fc.jsonValue().filter((value) => value !== null);

describe('a sink and a source of one format give back what they were given', () => {
  test.each(['rt.csv', 'rt.csv.gz', 'rt.tsv'])('%s', async (name) => {
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 7 }), async (batches, batchSize) => {
        await writeAll(folder.path(name), batches);
        const read = await readAll(FILE_SOURCE.create(sourceSpec(folder.path(name))), { batchSize });
        expect(rejectedOf(read)).toEqual([]);
        expect(recordsOf(read)).toEqual(batches.flat());
      }),
      RUNS,
    );
  });

  test.each(['rt.ndjson', 'rt.jsonl.gz'])('%s', async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(json, { maxLength: 5 }), { maxLength: 5 }), async (batches) => {
        await writeAll(folder.path(name), batches);
        const read = await readAll(FILE_SOURCE.create(sourceSpec(folder.path(name))));
        expect(recordsOf(read)).toEqual(batches.flat().map((value) => JSON.parse(JSON.stringify(value))));
      }),
      RUNS,
    );
  });
});

test('CSV is read as csv-parse reads it', async () => {
  await fc.assert(
    fc.asyncProperty(rows, async (batches) => {
      const path = folder.path('oracle.csv');
      await writeAll(path, batches);
      const expected = parse(readFileSync(path, 'utf8'), {
        columns: true,
        skip_empty_lines: true,
        record_delimiter: '\n',
      });
      const read = await readAll(FILE_SOURCE.create(sourceSpec(path)));
      expect(recordsOf(read)).toEqual(JSON.parse(JSON.stringify(expected)));
    }),
    RUNS,
  );
});

test('any bytes: reading ends, counts every record once, and goes on at any batch as if never stopped', async () => {
  const piece = fc.constantFrom('"', ',', '\n', '\r\n', 'a', 'é', '\xff', '""', '{"a":1}', '\n\n', 'x,y\n');
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 60 }),
      fc.constantFrom('any.csv', 'any.ndjson', 'any.txt'),
      fc.integer({ min: 1, max: 4 }),
      async (pieces, name, batchSize) => {
        const bytes = Buffer.concat(pieces.map((part) => Buffer.from(part, part === '\xff' ? 'latin1' : 'utf8')));
        const options = name === 'any.csv' ? { header: ['x', 'y'], maxRecordBytes: 20 } : { maxRecordBytes: 20 };
        const source = FILE_SOURCE.create(sourceSpec(folder.write(name, bytes), options));
        const whole = await readAll(source, { batchSize });
        let offset = 0;
        for (const [index, batch] of whole.entries()) {
          offset += batch.records.length + (batch.rejected?.length ?? 0);
          expect(batch.nextOffset).toBe(offset);
          const checkpoint = { ...START, offset, source: batch.position! };
          expect(await readAll(source, { batchSize, checkpoint })).toEqual(whole.slice(index + 1));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('a crash at any byte of a write leaves no trace', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(json, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      fc.nat(3),
      fc.uint8Array({ maxLength: 50 }),
      fc.constantFrom('crash.ndjson', 'crash.ndjson.gz'),
      async (batches, at, rest, name) => {
        await writeAll(folder.path(`whole-${name}`), batches);
        const before = batches.slice(0, at);
        const committed = await writeAll(folder.path(name), before);
        appendFileSync(folder.path(name), rest);
        const sink = FILE_SINK.create(sinkSpec(folder.path(name), { fsync: false }));
        await openSink(sink, committed, false);
        let position = committed;
        for (const batch of batches.slice(at)) position = (await writeTo(sink, batch, position)).committed;
        await sink.close!();
        expect(readFileSync(folder.path(name))).toEqual(readFileSync(folder.path(`whole-${name}`)));
      },
    ),
    RUNS,
  );
});
