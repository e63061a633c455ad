import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { runCommand, type Started, startCommand } from '../support/command-line.ts';
import { folderWith } from '../support/folder.ts';
import { pollFor } from '../support/poll.ts';
import { PASSWORD, type PostgresServer, startPostgres } from '../support/postgres.ts';

const PIPELINES = ['one', 'two', 'three', 'four'];
const RECORDS = 300;
const LINES = Array.from({ length: RECORDS }, (_, number) => `{"number":${number}}\n`).join('');

/** Slow enough that the processes have the time to share them out. */
const yaml = `pipelines:\n${PIPELINES.map(
  (id) => `  - id: ${id}
    source: { type: file, connectionString: ./in.ndjson, batchSize: 1, pollIntervalMs: 20 }
    sink: { type: file, connectionString: ./out/${id}.ndjson }
`,
).join('')}`;

const settings = `
journal: { kind: postgres, url: "\${DATABASE_URL}" }
cluster: { enabled: true, leaseTime: 3s }
`;

let server: PostgresServer;
const children: ChildProcess[] = [];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const envOf = (node: string) => ({ DATABASE_URL: server.url(), DATAFLOW_CLUSTER_NODE: node });

function start(node: string, cwd: string): Started {
  const started = startCommand(['run', 'pipelines.yaml'], { cwd, env: envOf(node) });
  children.push(started.child);
  return started;
}

test('two runs of one file share its pipelines, one goes on with all, and the output is exact', async () => {
  const cwd = await folderWith({ 'in.ndjson': LINES, 'pipelines.yaml': yaml, 'dataflow.yaml': settings });
  const nodes = async () => {
    const { out, code, err } = await runCommand(['nodes', '--json'], { cwd, env: envOf('looker') });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };
  const a = start('a', cwd);
  await a.saw(/metrics at/);
  const b = start('b', cwd);
  const shared = await pollFor(
    nodes,
    (all) => all.length === 2 && all.every(({ pipelines }) => pipelines.length === 2),
  );
  expect(shared.map(({ name, isExpired, version }) => ({ name, isExpired, version }))).toEqual(
    ['a', 'b'].map((name) => ({ name, isExpired: false, version: expect.any(String) })),
  );
  expect(shared.flatMap(({ pipelines }) => pipelines).sort()).toEqual([...PIPELINES].sort());

  const table = await runCommand(['nodes'], { cwd, env: envOf('looker') });
  expect(table.out).toMatch(/^node +state +pipelines/m);
  expect(table.out).toMatch(/^a +up +2 /m);
  expect(table.out).toMatch(/^pipeline +owner +epoch +lease/m);
  expect(table.out.match(/^(?:one|two|three|four) +[ab] +\d+ +until /gm)).toHaveLength(4);
  expect(table.out + table.err).not.toContain(encodeURIComponent(PASSWORD));

  a.child.kill('SIGTERM');
  expect(await a.finished).toMatchObject({ code: 130 });
  const ended = await b.finished;
  expect(ended).toMatchObject({ code: 0, err: '' });
  for (const id of PIPELINES) {
    expect(ended.out).toMatch(new RegExp(`^${id} +stopped +300 +300 `, 'm'));
    expect(await readFile(join(cwd, 'out', `${id}.ndjson`), 'utf8')).toBe(LINES);
  }
  expect(await nodes()).toEqual([]);
  expect((await runCommand(['nodes'], { cwd, env: envOf('looker') })).out).toMatch(/^no process shares/);
});

test('nodes of a journal that cannot be shared is a configuration error', async () => {
  const cwd = await folderWith({});
  expect(await runCommand(['nodes'], { cwd })).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('journal.kind: expected postgres'),
  });
});
