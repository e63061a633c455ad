import { chmodSync, mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import { FILE_SOURCE } from '../../../../src/connectors/sources/file.ts';
import type { SourceSpec } from '../../../../src/domain/spec.ts';
import { failureOf, readAll, recordsOf, rejectedOf, START, sourceSpec, temporaryFolder } from '../support/harness.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let count = 0;
function source(extension: string, content: string | Uint8Array, options: SourceSpec['options'] = {}) {
  count += 1;
  return FILE_SOURCE.create(sourceSpec(folder.write(`in${count}${extension}`, content), options));
}
const records = async (...args: Parameters<typeof source>) => recordsOf(await readAll(source(...args)));
const rejected = async (...args: Parameters<typeof source>) => rejectedOf(await readAll(source(...args)));

describe('formats', () => {
  test.each([
    ['.csv', 'a,b\n1,x\n2,y\n'],
    ['.csv', 'a,b\r\n1,x\r\n2,y'],
    ['.csv', '\uFEFFa,b\n\n1,x\n\r\n2,y\n\n'],
    ['.tsv', 'a\tb\n1\tx\n2\ty\n'],
    ['.csv', '"a","b"\n"1","x"\n2,"y"'],
  ])('%s %j', async (extension, content) => {
    expect(await records(extension, content)).toEqual([
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ]);
  });

  test('quoted fields hold delimiters, quotes and line ends', async () => {
    expect(await records('.csv', 'a,b\n"1,5","say ""hi"""\n"two\r\nlines",""\n,"x"\r\n')).toEqual([
      { a: '1,5', b: 'say "hi"' },
      { a: 'two\r\nlines', b: '' },
      { a: '', b: 'x' },
    ]);
  });

  test('header false, a list of names, empty names', async () => {
    expect(await records('.csv', '1,2\n', { header: false })).toEqual([{ column1: '1', column2: '2' }]);
    expect(await records('.csv', '1,2\n', { header: ['x', 'y'] })).toEqual([{ x: '1', y: '2' }]);
    expect(await records('.csv', ',b\n1,2\n')).toEqual([{ column1: '1', b: '2' }]);
  });

  test('a column named __proto__ is a column', async () => {
    const [record] = await records('.csv', '__proto__,constructor\nx,y\n');
    expect(Object.entries(record as object)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  test('quote false takes quotes as they are', async () => {
    expect(await records('.csv', 'a\n5" pipe\n', { quote: false })).toEqual([{ a: '5" pipe' }]);
  });

  test('types and inferTypes', async () => {
    const csv = 'n,b,d,s\n1.5,yes,2024-02-29,007\n,,,\n';
    expect(await records('.csv', csv, { types: { n: 'number', b: 'boolean', d: 'date' } })).toEqual([
      { n: 1.5, b: true, d: new Date('2024-02-29T00:00:00Z'), s: '007' },
      { n: null, b: null, d: null, s: '' },
    ]);
    expect(await records('.csv', 'a,b,c,d\n1,true,007,\n', { inferTypes: true })).toEqual([
      { a: 1, b: true, c: '007', d: null },
    ]);
  });

  test('NDJSON takes any value but null and skips blank lines', async () => {
    expect(await records('.jsonl', '{"a":1}\n  \n[1]\n"x"\r\n\n{"b":"é€😀"}')).toEqual([
      { a: 1 },
      [1],
      'x',
      { b: 'é€😀' },
    ]);
    expect((await rejected('.ndjson', 'null\n'))[0]).toMatchObject({ code: 'DATAFLOW_ERR_RECORD_MALFORMED', line: 1 });
  });

  test('text lines carry their number', async () => {
    expect(await records('.log', 'one\n\n three \r\n')).toEqual([
      { line: 1, text: 'one' },
      { line: 3, text: ' three ' },
    ]);
  });

  test('empty files and files of a header alone hold no records', async () => {
    for (const extension of ['.csv', '.ndjson', '.txt']) expect(await records(extension, '')).toEqual([]);
    expect(await records('.csv', 'a,b')).toEqual([]);
    expect(await records('.csv', '\n\n')).toEqual([]);
  });

  test('gzip is seen by its first bytes, with many members', async () => {
    const packed = Buffer.concat([gzipSync('{"a":1}\n{"a"'), gzipSync(':2}\n')]);
    expect(await records('.ndjson', packed)).toEqual([{ a: 1 }, { a: 2 }]);
    expect(await records('.csv.gz', gzipSync('a\n1\n'))).toEqual([{ a: '1' }]);
  });

  test('other encodings', async () => {
    expect(await records('.csv', Buffer.from('a\né\n', 'latin1'), { encoding: 'latin1' })).toEqual([{ a: 'é' }]);
    expect(await records('.csv', Buffer.from('\uFEFFa\n😀\n', 'utf16le'), { encoding: 'utf-16le' })).toEqual([
      { a: '😀' },
    ]);
  });

  test('file: URLs', async () => {
    const path = folder.write('url.ndjson', '1\n');
    expect(recordsOf(await readAll(FILE_SOURCE.create(sourceSpec(pathToFileURL(path).href))))).toEqual([1]);
  });
});

describe('malformed records are rejected with their line, and reading goes on', () => {
  test.each([
    ['a column less', 'a,b\n1,2\n3\n4,5\n', 3, 'expected 2 columns, found 1'],
    ['a column more', 'a,b\n1,2\n3,4,5\n4,5\n', 3, 'expected 2 columns, found 3'],
    ['a quote inside', 'a,b\n1,2\n3,x"y"\n4,5\n', 3, 'a quote inside'],
    ['text after a quote', 'a,b\n1,2\n"3"x,4\n4,5\n', 3, 'after a closing quote|between a closing quote'],
    ['a quote left open', 'a,b\n1,2\n"3,4\n4,5\n', 3, 'never closed'],
    ['invalid UTF-8', Buffer.from('a,b\n1,2\n3,\xff\n4,5\n', 'latin1'), 3, 'not valid UTF-8'],
  ])('CSV: %s', async (_name, content, line, message) => {
    const batches = await readAll(source('.csv', content));
    expect(recordsOf(batches)).toEqual([
      { a: '1', b: '2' },
      { a: '4', b: '5' },
    ]);
    expect(rejectedOf(batches)).toEqual([
      expect.objectContaining({ code: 'DATAFLOW_ERR_RECORD_MALFORMED', line, message: expect.stringMatching(message) }),
    ]);
    expect(batches.at(-1)!.nextOffset).toBe(3);
  });

  test('lines are counted through quoted line ends', async () => {
    const found = await rejected('.csv', 'a,b\n"x\ny\nz",1\nbad\n');
    expect(found).toEqual([expect.objectContaining({ line: 5, raw: 'bad' })]);
  });

  test('a value that its type refuses', async () => {
    const found = await rejected('.csv', 'n\n1\nx\n', { types: { n: 'number' } });
    expect(found[0]).toMatchObject({ line: 3, message: expect.stringContaining('column n holds no number: "x"') });
  });

  test('NDJSON, with the raw text cut', async () => {
    const batches = await readAll(source('.ndjson', `{"a":1}\n{"a":${'x'.repeat(5_000)}\n{"a":2}\n`));
    expect(recordsOf(batches)).toEqual([{ a: 1 }, { a: 2 }]);
    expect(rejectedOf(batches)[0]!.raw).toHaveLength(1_000);
  });

  test.each([
    ['.txt', `ok\n${'x'.repeat(101)}\nok2\n`, 2, 2],
    ['.txt', `ok\nok2\n${'x'.repeat(700_000)}`, 3, 2],
    ['.txt', `${'x'.repeat(2_000_000)}\nok\nok2`, 1, 2],
    ['.csv', `a\nok\n"${'x\n'.repeat(60)}"\nok2\n`, 3, undefined],
  ])('a record over the limit in %s', async (extension, content, line, good) => {
    const batches = await readAll(source(extension, content, { maxRecordBytes: 100 }));
    expect(rejectedOf(batches)[0]).toMatchObject({ code: 'DATAFLOW_ERR_RECORD_TOO_LARGE', line });
    if (good !== undefined) expect(recordsOf(batches)).toHaveLength(good);
  });

  test('exactly the limit is accepted', async () => {
    expect(await records('.txt', `${'x'.repeat(100)}\r\n`, { maxRecordBytes: 100 })).toHaveLength(1);
  });
});

describe('checkpoints', () => {
  const content = Array.from({ length: 25 }, (_, index) => `${index},v${index}\n`).join('');

  test.each([
    ['plain', '.csv', (text: string) => Buffer.from(text), {}],
    ['gzip', '.csv.gz', (text: string) => gzipSync(text), {}],
    ['utf-16', '.csv', (text: string) => Buffer.from(text, 'utf16le'), { encoding: 'utf-16le' }],
  ])('reading goes on at any batch: %s', async (_name, extension, pack, options) => {
    const file = source(extension, pack(`a,b\n${content}`), options);
    const whole = await readAll(file, { batchSize: 4 });
    expect(whole.map((batch) => batch.nextOffset)).toEqual([4, 8, 12, 16, 20, 24, 25]);
    for (const [index, batch] of whole.entries()) {
      const checkpoint = { ...START, offset: batch.nextOffset!, source: batch.position! };
      expect(await readAll(file, { batchSize: 4, checkpoint })).toEqual(whole.slice(index + 1));
    }
    const byCount = await readAll(file, { checkpoint: { ...START, offset: 8 }, batchSize: 4 });
    expect(byCount).toEqual(whole.slice(2));
  });

  test('progress ends at the size of the file', async () => {
    const batches = await readAll(source('.csv', `a,b\n${content}`));
    const { done, total } = batches.at(-1)!.progress!;
    expect([done, total]).toEqual([content.length + 4, content.length + 4]);
  });

  test.each([
    ['shorter', 'a\n1\n', { byte: 500, line: 9 }],
    ['another', 'a\n1111111\n', { byte: 5, line: 3 }],
    ['no place', 'a\n1\n', { rows: 3 }],
  ])('a file that is %s is refused', async (_name, text, place) => {
    const checkpoint = { ...START, offset: 3, source: place };
    const error = await failureOf(readAll(source('.csv', text), { checkpoint }));
    expect(error.code).toBe('DATAFLOW_ERR_SOURCE_CHANGED');
  });

  test('a last line without its end may be continued by new lines, not by more of itself', async () => {
    const path = folder.write('grow.ndjson', '1\n2');
    const file = FILE_SOURCE.create(sourceSpec(path));
    const [batch] = await readAll(file);
    const checkpoint = { ...START, offset: 2, source: batch!.position! };
    expect(await readAll(file, { checkpoint })).toEqual([]);
    folder.write('grow.ndjson', '1\n2\n3\n');
    expect(recordsOf(await readAll(file, { checkpoint }))).toEqual([3]);
    folder.write('grow.ndjson', '1\n23\n');
    expect((await failureOf(readAll(file, { checkpoint }))).code).toBe('DATAFLOW_ERR_SOURCE_CHANGED');
  });

  test('offsets that are no count, or beyond the end, are refused', async () => {
    const file = source('.ndjson', '1\n');
    for (const offset of ['x', 5]) {
      const error = await failureOf(readAll(file, { checkpoint: { ...START, offset } }));
      expect(error.code).toBe('DATAFLOW_ERR_SOURCE_CHANGED');
    }
  });

  test('a batch holds at most 8 MiB', async () => {
    const batches = await readAll(source('.txt', `${'x'.repeat(3 * 1024 * 1024)}\n`.repeat(5)));
    expect(batches.map((batch) => batch.records.length)).toEqual([2, 2, 1]);
  });

  test('abort ends the reading', async () => {
    const controller = new AbortController();
    const batches: unknown[] = [];
    const context = { pipelineId: 'p', spec: sourceSpec('x'), batchSize: 1, signal: controller.signal };
    for await (const batch of source('.ndjson', '1\n2\n3\n').read(START, context)) {
      batches.push(batch);
      controller.abort();
    }
    expect(batches).toHaveLength(1);
  });
});

describe('files that cannot be read', () => {
  test('missing, directory, no permission, two columns of a name, unknown typed column', async () => {
    const fail = async (path: string, options: SourceSpec['options'] = {}) =>
      failureOf(readAll(FILE_SOURCE.create(sourceSpec(path, options))));
    const missing = await fail(folder.path('none.csv'));
    expect(missing).toMatchObject({ code: 'DATAFLOW_ERR_SOURCE_NOT_FOUND' });
    expect(missing.message).toMatch(/none\.csv failed: it does not exist\. Check the path/);
    mkdirSync(folder.path('dir.csv'));
    expect(await fail(folder.path('dir.csv'))).toMatchObject({ code: 'DATAFLOW_ERR_SOURCE_UNREADABLE' });
    expect(await fail('/dev/null')).toMatchObject({ code: 'DATAFLOW_ERR_SOURCE_UNREADABLE' });
    expect(await fail(folder.write('twice.csv', 'a,a\n1,2\n'))).toMatchObject({
      code: 'DATAFLOW_ERR_SOURCE_UNREADABLE',
    });
    expect(await fail(folder.write('badhead.csv', 'a,"b"c\n1,2\n'))).toMatchObject({
      code: 'DATAFLOW_ERR_SOURCE_UNREADABLE',
    });
    expect(await fail(folder.write('typed.csv', 'a\n1\n'), { types: { z: 'number' } })).toMatchObject({
      code: 'DATAFLOW_ERR_CONNECTOR_INVALID',
    });
    if (process.getuid?.() !== 0) {
      chmodSync(folder.write('secret.csv', 'a\n'), 0o000);
      expect(await fail(folder.path('secret.csv'))).toMatchObject({ code: 'DATAFLOW_ERR_SOURCE_UNREADABLE' });
    }
  });

  test('gzip cut off anywhere gives what is whole, then the error', async () => {
    const lines = Array.from({ length: 400 }, (_, index) => JSON.stringify({ index, random: Math.sin(index) }));
    const packed = gzipSync(`${lines.join('\n')}\n`);
    let most = 0;
    for (let length = 3; length < packed.length; length += 97) {
      const path = folder.write('cut.ndjson.gz', packed.subarray(0, length));
      const seen: unknown[] = [];
      const reading = (async () => {
        const context = { pipelineId: 'p', spec: sourceSpec('x'), batchSize: 7, signal: new AbortController().signal };
        for await (const batch of FILE_SOURCE.create(sourceSpec(path)).read(START, context)) {
          expect(batch.rejected).toBeUndefined();
          seen.push(...batch.records);
        }
      })();
      const error = await failureOf(reading);
      expect(error.code).toBe('DATAFLOW_ERR_SOURCE_UNREADABLE');
      expect(seen).toEqual(lines.slice(0, seen.length).map((line) => JSON.parse(line)));
      most = Math.max(most, seen.length);
    }
    expect(most).toBeGreaterThan(350);
  });

  test('gzip with a damaged byte', async () => {
    const packed = gzipSync('{"a":1}\n'.repeat(100));
    packed[packed.length - 6] = packed[packed.length - 6]! ^ 0xff;
    const error = await failureOf(readAll(source('.ndjson.gz', packed)));
    expect(error.code).toBe('DATAFLOW_ERR_SOURCE_UNREADABLE');
    expect(error.message).toContain('gzip');
  });
});

describe('validation', () => {
  test('says all problems at once', () => {
    const problems = FILE_SOURCE.validate(
      sourceSpec('x.csv', {
        gzip: 'yes',
        delimiter: ';;',
        header: ['a', 'a'],
        types: { a: 'nubmer' },
        encoding: 'klingon',
        maxRecordBytes: 0,
        quot: 1,
        inferTypes: 1,
        quote: 'ab',
      }),
    );
    expect(problems.map(({ path }) => path).sort()).toEqual([
      'options.delimiter',
      'options.encoding',
      'options.gzip',
      'options.header',
      'options.inferTypes',
      'options.maxRecordBytes',
      'options.quot',
      'options.quote',
      'options.types.a',
    ]);
    expect(FILE_SOURCE.validate(sourceSpec('x.ndjson', { types: {} }))).toHaveLength(1);
    expect(FILE_SOURCE.validate(sourceSpec('x', { format: 'xml' }))).toHaveLength(1);
    expect(FILE_SOURCE.validate(sourceSpec('file://%zz'))).toHaveLength(1);
  });
});
