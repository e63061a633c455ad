import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { STDOUT_SINK, streamSink } from '../../../../src/connectors/sinks/stdout.ts';
import { failureOf, openSink, sinkSpec, writeTo } from '../support/harness.ts';

test('writes NDJSON and refuses records that JSON cannot hold', async () => {
  const stream = new PassThrough();
  const result = await writeTo(streamSink(stream), [{ a: 1 }, { a: 1n }]);
  expect(String(stream.read())).toBe('{"a":1}\n');
  expect(result.rejected!.map(({ index }) => index)).toEqual([1]);
});

test('a broken stream is an error, an aborted write writes nothing', async () => {
  const stream = new PassThrough();
  const controller = new AbortController();
  controller.abort();
  expect((await failureOf(writeTo(streamSink(stream), [1], undefined, controller.signal))).message).toMatch(/abort/);
  expect(stream.read()).toBeNull();
  const sink = streamSink(stream);
  await openSink(sink);
  stream.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' }));
  expect(await failureOf(writeTo(sink, [1]))).toHaveProperty('code');
  await sink.close!();
  expect(stream.listenerCount('error')).toBe(0);
});

test('has no options', () => {
  expect(STDOUT_SINK.validate(sinkSpec('-', { a: 1 }))).toEqual([
    { path: 'options.a', expected: 'no option', got: '1' },
  ]);
});
