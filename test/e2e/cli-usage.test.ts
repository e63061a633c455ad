import { readdir } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { runCommand } from '../support/command-line.ts';
import { folderWith } from '../support/folder.ts';

const GOOD = `
pipelines:
  - id: one
    source: { type: file, connectionString: ./in.csv, batchSize: 2 }
    sink: { type: file, connectionString: ./out/one.ndjson }
    deadLetter: { type: file, connectionString: ./out/rejected.ndjson }
`;
const FILES = { 'in.csv': 'a,b\n1,x\n2,y\n3\n4,z\n', 'p.yaml': GOOD };

describe('usage', () => {
  test.each([
    [[], /Usage: dataflow/],
    [['bogus'], /unknown command 'bogus'/],
    [['run'], /missing required argument/],
    [['check'], /missing required argument/],
    [['state'], /missing required argument/],
    [['run', '--bogus', 'p.yaml'], /unknown option '--bogus'/],
    [['--bogus'], /unknown option '--bogus'/],
    [['list', 'extra'], /too many arguments/],
    [['events', 'one', '--from', '0'], /at least 1/],
    [['events', 'one', '--from', 'x'], /at least 1/],
    [['-j', '', 'list'], /DATAFLOW_ERR_CONFIG_INVALID/],
    [['-c', 'nope.yaml', 'list'], /DATAFLOW_ERR_CONFIG_UNREADABLE/],
  ])('%j is a usage error', async (args, message) => {
    const { code, out, err } = await runCommand(args, { cwd: await folderWith(FILES) });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  test.each([[['--help']], [['help', 'run']], [['run', '--help']], [['--version']], [['metrics']]])(
    '%j ends with 0',
    async (args) => {
      const folder = await folderWith();
      const { code, out, err } = await runCommand(args, { cwd: folder });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).not.toBe('');
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test('a journal that is not there is looked at without being made', async () => {
    const folder = await folderWith();
    for (const args of [['list'], ['state', 'x'], ['events', 'x']]) {
      const { code, err } = await runCommand(args, { cwd: folder });
      expect(err).toMatch(/DATAFLOW_ERR_JOURNAL_OPEN_FAILED: There is no journal in .*data/);
      expect(code).toBe(2);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test('there is nothing to look at in a memory journal', async () => {
    const { code, err } = await runCommand(['list'], {
      cwd: await folderWith(),
      env: { DATAFLOW_JOURNAL_KIND: 'memory' },
    });
    expect(err).toMatch(/DATAFLOW_ERR_CLI_USAGE/);
    expect(code).toBe(2);
  });
});

test('what ran can be listed and looked into', async () => {
  const cwd = await folderWith(FILES);
  const check = await runCommand(['check', 'p.yaml'], { cwd });
  expect(check).toMatchObject({ code: 0, out: 'ok  one  file → file  (p.yaml)\n', err: '' });
  const run = await runCommand(['run', 'p.yaml'], { cwd });
  expect(run).toMatchObject({ code: 0, err: '' });
  expect(run.out).toMatch(/^one +stopped +2 +3 +1 +0 .*source completed$/m);

  const list = await runCommand(['list'], { cwd });
  expect(list.out).toMatch(/^one +stopped +10 +2 +3 +1 +4$/m);
  const [row] = (await runCommand(['list', '--json'], { cwd })).out.trim().split('\n');
  expect(JSON.parse(row!)).toMatchObject({ id: 'one', status: 'stopped', events: 10, checkpoint: { offset: 4 } });
  const state = JSON.parse((await runCommand(['state', 'one'], { cwd })).out);
  expect(state).toMatchObject({ id: 'one', sequence: 10, status: 'stopped', stopReason: 'source completed' });

  const events = (await runCommand(['events', 'one', '--json'], { cwd })).out.trim().split('\n');
  expect(events.map((line) => JSON.parse(line).sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const later = (await runCommand(['events', 'one', '--from', '9'], { cwd })).out.trim().split('\n');
  expect(later).toHaveLength(2);
  expect(later[1]).toMatch(/^\s*10 {2}\d{4}-\d\d-\d\dT.*PipelineStopped +reason=source completed/);
  expect(await runCommand(['events', 'one', '--from', '99'], { cwd })).toMatchObject({ code: 0, out: '' });

  for (const command of ['state', 'events']) {
    const unknown = await runCommand([command, 'two'], { cwd });
    expect(unknown.err).toMatch(/DATAFLOW_ERR_PIPELINE_UNKNOWN.*two.*dataflow list/);
    expect(unknown.code).toBe(2);
  }
});

test('each metric is one JSON object a line', async () => {
  const { out } = await runCommand(['metrics', '--json'], { cwd: await folderWith() });
  const rows = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows).toContainEqual(
    expect.objectContaining({ name: 'dataflow.batches.processed', series: 'dataflow_batches_processed_total' }),
  );
});
