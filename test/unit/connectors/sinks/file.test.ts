import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { FILE_SINK } from '../../../../src/connectors/sinks/file.ts';
import type { SinkSpec } from '../../../../src/domain/spec.ts';
import type { Sink } from '../../../../src/runtime/connector.ts';
import { failureOf, openSink, sinkSpec, temporaryFolder, writeTo } from '../support/harness.ts';

const folder = temporaryFolder();
const open: Sink[] = [];
afterEach(async () => {
  for (const sink of open.splice(0)) await sink.close!();
});
afterAll(() => folder.remove());

function sinkAt(name: string, options: SinkSpec['options'] = {}): Sink {
  const sink = FILE_SINK.create(sinkSpec(folder.path(name), options));
  open.push(sink);
  return sink;
}
const content = (name: string) => readFileSync(folder.path(name), 'utf8');

describe('formats', () => {
  test('NDJSON', async () => {
    const sink = sinkAt('a/b/out.ndjson');
    await openSink(sink);
    const first = await writeTo(sink, [{ a: 1, d: new Date(0), n: null, u: undefined }]);
    expect(first).toEqual({ committed: { bytes: content('a/b/out.ndjson').length } });
    await writeTo(sink, ['x'], first.committed);
    expect(content('a/b/out.ndjson')).toBe('{"a":1,"d":"1970-01-01T00:00:00.000Z","n":null}\n"x"\n');
  });

  test('CSV: quoting, fixed columns, JSON in cells', async () => {
    const sink = sinkAt('out.csv');
    await openSink(sink);
    const { committed, rejected } = await writeTo(sink, [
      { a: 'x,y', b: 'say "hi"' },
      { b: 'two\nlines', a: null },
      { a: [1], b: { c: true } },
      { a: 1, z: 2 },
    ]);
    expect(rejected).toEqual([
      { index: 3, code: 'DATAFLOW_ERR_SINK_REFUSED_RECORD', message: 'the file has no column for the field "z"' },
    ]);
    expect(committed).toMatchObject({ columns: ['a', 'b'] });
    await writeTo(sink, [{ b: 1 }], committed);
    expect(content('out.csv')).toBe('a,b\n"x,y","say ""hi"""\n,"two\nlines"\n[1],"{""c"":true}"\n,1\n');
  });

  test('CSV with given columns selects, without a header, with another delimiter', async () => {
    const sink = sinkAt('select.tsv', { columns: ['b', 'a'], header: false });
    await openSink(sink);
    await writeTo(sink, [{ a: 1, b: 2, c: 3 }]);
    expect(content('select.tsv')).toBe('2\t1\n');
  });

  test('text', async () => {
    const sink = sinkAt('out.txt');
    await openSink(sink);
    const { rejected } = await writeTo(sink, ['a', { text: 'b' }, { a: 1 }, 'c\nd', '\ud800']);
    expect(content('out.txt')).toBe('a\nb\n');
    expect(rejected!.map(({ index }) => index)).toEqual([2, 3, 4]);
  });

  test('gzip: a member each write, the same bytes each time', async () => {
    const run = async (name: string) => {
      const sink = sinkAt(name);
      await openSink(sink);
      const { committed } = await writeTo(sink, [{ a: 1 }]);
      await writeTo(sink, [{ a: 2 }], committed);
      return readFileSync(folder.path(name));
    };
    const one = await run('one.ndjson.gz');
    expect(gunzipSync(one).toString()).toBe('{"a":1}\n{"a":2}\n');
    expect(await run('two.ndjson.gz')).toEqual(one);
  });

  test.each(['.ndjson', '.csv'])('records that %s cannot hold are refused alone', async (extension) => {
    const cyclic: Record<string, unknown> = {};
    cyclic.a = { cyclic };
    const sink = sinkAt(`refuse${extension}`);
    await openSink(sink);
    const { rejected } = await writeTo(sink, [
      { a: 1 },
      undefined,
      { a: 1n },
      cyclic,
      { a: Number.NaN },
      { a: { b: Number.POSITIVE_INFINITY } },
      { a: new Date(Number.NaN) },
      null,
      { a: 2 },
    ]);
    expect(rejected!.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(rejected!.every(({ message }) => !message.includes('\n'))).toBe(true);
    expect(content(`refuse${extension}`).trim().split('\n').length).toBe(extension === '.csv' ? 3 : 2);
  });
});

describe('effectively once', () => {
  test('open cuts off what was not committed', async () => {
    folder.write('cut.ndjson', '1\n2\ngarb');
    await openSink(sinkAt('cut.ndjson'), { bytes: 4 });
    expect(content('cut.ndjson')).toBe('1\n2\n');
  });

  test('a write that is repeated leaves the same bytes', async () => {
    const sink = sinkAt('again.csv');
    await openSink(sink);
    const first = await writeTo(sink, [{ a: 1 }]);
    const once = await writeTo(sink, [{ a: 2 }], first.committed);
    const twice = await writeTo(sink, [{ a: 2 }], first.committed);
    expect(twice).toEqual(once);
    expect(content('again.csv')).toBe('a\n1\n2\n');
  });

  test('before the first commit an old file is overwritten, or refused', async () => {
    folder.write('old.ndjson', 'old\n');
    const refusing = sinkAt('old.ndjson', { ifExists: 'refuse' });
    expect((await failureOf(openSink(refusing))).code).toBe('DATAFLOW_ERR_SINK_EXISTS');
    expect(content('old.ndjson')).toBe('old\n');
    // Not fresh: what is there may be this pipeline's own uncommitted bytes.
    await openSink(refusing, undefined, false);
    expect(content('old.ndjson')).toBe('');
    await refusing.close!();
    folder.write('old.ndjson', 'old\n');
    await openSink(sinkAt('old.ndjson'));
    expect(content('old.ndjson')).toBe('');
  });

  test('a file that is gone or shorter is refused, at open and at write', async () => {
    expect((await failureOf(openSink(sinkAt('gone.ndjson'), { bytes: 4 }))).code).toBe('DATAFLOW_ERR_SINK_CHANGED');
    expect(existsSync(folder.path('gone.ndjson'))).toBe(false);
    folder.write('short.ndjson', '1\n');
    expect((await failureOf(openSink(sinkAt('short.ndjson'), { bytes: 4 }))).code).toBe('DATAFLOW_ERR_SINK_CHANGED');
    expect((await failureOf(openSink(sinkAt('short.ndjson'), { lines: 4 }))).code).toBe('DATAFLOW_ERR_SINK_CHANGED');
    const sink = sinkAt('live.ndjson');
    await openSink(sink);
    const { committed } = await writeTo(sink, [1, 2]);
    truncateSync(folder.path('live.ndjson'), 1);
    expect((await failureOf(writeTo(sink, [3], committed))).code).toBe('DATAFLOW_ERR_SINK_CHANGED');
    rmSync(folder.path('live.ndjson'));
    expect((await failureOf(writeTo(sink, [3]))).code).toBe('DATAFLOW_ERR_SINK_CHANGED');
  });

  test('nothing is written after an abort', async () => {
    const sink = sinkAt('abort.ndjson');
    await openSink(sink);
    const { committed } = await writeTo(sink, [1]);
    const controller = new AbortController();
    const reason = new Error('timeout');
    controller.abort(reason);
    expect(await failureOf(writeTo(sink, [2], committed, controller.signal))).toBe(reason);
    expect(content('abort.ndjson')).toBe('1\n');
    const late = new AbortController();
    const big = writeTo(sink, ['x'.repeat(20_000_000)], committed, late.signal);
    setImmediate(() => late.abort(reason));
    expect(await failureOf(big)).toBe(reason);
    const size = readFileSync(folder.path('abort.ndjson')).length;
    expect(size).toBeLessThan(20_000_000);
    await sink.close!();
    expect(readFileSync(folder.path('abort.ndjson')).length).toBe(size);
  });

  test('an empty write commits nothing new', async () => {
    const sink = sinkAt('empty.ndjson.gz');
    await openSink(sink);
    expect((await writeTo(sink, [undefined])).committed).toEqual({ bytes: 0 });
    expect(readFileSync(folder.path('empty.ndjson.gz')).length).toBe(0);
  });
});

describe('files that cannot be written', () => {
  test('directory, device, parent that is a file, parent that is missing', async () => {
    mkdirSync(folder.path('dir'));
    folder.write('file', 'x');
    for (const [name, options] of [
      ['dir', {}],
      ['file/out', {}],
      ['no/such/out', { createDirectories: false }],
    ] as const) {
      const error = await failureOf(openSink(sinkAt(name, options)));
      expect(error.code).toBe('DATAFLOW_ERR_SINK_UNWRITABLE');
      expect(error.message).toContain(folder.path(name));
    }
    const device = FILE_SINK.create(sinkSpec('/dev/full'));
    expect((await failureOf(openSink(device))).code).toBe('DATAFLOW_ERR_SINK_UNWRITABLE');
  });

  test('one file is open once in a process, links included', async () => {
    const sink = sinkAt('shared.ndjson');
    await openSink(sink);
    linkSync(folder.path('shared.ndjson'), folder.path('link.ndjson'));
    for (const name of ['shared.ndjson', 'link.ndjson']) {
      const error = await failureOf(openSink(sinkAt(name)));
      expect(error.code).toBe('DATAFLOW_ERR_SINK_UNWRITABLE');
      expect(error.message).toContain('pipeline p writes to this file already');
    }
    await sink.close!();
    await openSink(sinkAt('link.ndjson'));
  });

  test('writing before open or after close is refused', async () => {
    const sink = sinkAt('closed.ndjson');
    expect((await failureOf(writeTo(sink, [1]))).code).toBe('DATAFLOW_ERR_SINK_UNWRITABLE');
    await openSink(sink);
    await sink.close!();
    await sink.close!();
    expect((await failureOf(writeTo(sink, [1]))).code).toBe('DATAFLOW_ERR_SINK_UNWRITABLE');
  });

  test('no room is an error that pipelines retry, and nothing committed is lost', () => {
    const script = `
      import { FILE_SINK } from ${JSON.stringify(new URL('../../../../dist/connectors/sinks/file.js', import.meta.url).href)};
      const sink = FILE_SINK.create({ type: 'file', connectionString: process.argv[1], batchSize: 1, options: {} });
      const signal = new AbortController().signal;
      const context = { pipelineId: 'p', batchId: 'b', attempt: 1, signal, committed: undefined };
      await sink.open({ pipelineId: 'p', fresh: true, signal });
      const { committed } = await sink.write([1], context);
      let code;
      await sink.write(['x'.repeat(200000)], { ...context, committed }).catch((error) => { code = error.code; });
      await sink.write([2], { ...context, committed });
      await sink.close();
      process.stdout.write(String(code));`;
    const limited = `trap '' XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2"`;
    const path = folder.path('full.ndjson');
    const output = execFileSync('bash', ['-c', limited, process.execPath, script, path], { encoding: 'utf8' });
    expect(output).toBe('RESOURCE_EXHAUSTED');
    expect(readFileSync(path, 'utf8')).toBe('1\n2\n');
  });
});

test('validation says all problems at once', () => {
  const problems = FILE_SINK.validate(
    sinkSpec('x.csv', { gzip: 1, header: 'a', columns: [], ifExists: 'append', fsync: 0, delimiter: '\n', foo: 1 }),
  );
  expect(problems.map(({ path }) => path).sort()).toEqual(
    ['columns', 'delimiter', 'foo', 'fsync', 'gzip', 'header', 'ifExists'].map((key) => `options.${key}`),
  );
});
