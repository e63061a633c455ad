import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { DatabaseSync } from '@photostructure/sqlite';
import { openEmbeddedJournal } from '../../src/journals/embedded/open.ts';
import { ROOT, runCommand } from '../support/command-line.ts';
import { folderWith } from '../support/folder.ts';

const PIPELINES = `
pipelines:
  - id: one
    name: one-file
    source: { type: file, connectionString: ./in.csv, batchSize: 2 }
    sink: { type: file, connectionString: ./out/one.ndjson }
`;
const FILES = { 'in.csv': 'a,b\n1,x\n2,y\n4,z\n', 'p.yaml': PIPELINES };

async function folderWithRun(): Promise<string> {
  const cwd = await folderWith(FILES);
  expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 0 });
  return cwd;
}

test('verify tells each pipeline, and what is wrong with one', async () => {
  const cwd = await folderWithRun();
  const sound = await runCommand(['journal', 'verify'], { cwd });
  expect(sound).toMatchObject({ code: 0, err: '' });
  expect(sound.out).toMatch(
    /^ok {2}one {2}stopped, \d+ events\n\n1 pipeline, \d+ events, \d+ snapshots?: nothing is wrong\n$/,
  );
  const database = new DatabaseSync(join(cwd, 'data/journal.db'));
  database.exec('DELETE FROM events WHERE seq = 3; DELETE FROM snapshots');
  database.close();
  const damaged = await runCommand(['journal', 'verify'], { cwd });
  expect(damaged).toMatchObject({ code: 1, err: '' });
  expect(damaged.out).toMatch(/^failed {2}"one" has \d+ events from 1 to \d+, expected all from 1 on$/m);
  expect(damaged.out).toMatch(/^failed {2}pipeline one cannot be recovered: .*expected sequence number 3, got 4/m);
  expect(damaged.out).toMatch(/2 findings: restore/);
  await writeFile(join(cwd, 'data/journal.db'), (await readFile(join(cwd, 'data/journal.db'))).subarray(0, 8192));
  const torn = await runCommand(['journal', 'verify'], { cwd });
  expect(torn).toMatchObject({ code: 1, err: '' });
  expect(torn.out).toMatch(/^failed {2}The journal in .* is damaged/);
});

test('backup and export work while another process owns the journal; compact and import name it', async () => {
  const cwd = await folderWithRun();
  const owner = await openEmbeddedJournal({ path: join(cwd, 'data') });
  try {
    await mkdir(join(cwd, 'copy'));
    const backup = await runCommand(['journal', 'backup', 'copy/journal.db'], { cwd });
    expect(backup).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^wrote {2}copy\/journal\.db {2}\(/) });
    expect((await runCommand(['-j', 'copy', 'list', '--json'], { cwd })).out).toContain('"status":"stopped"');
    expect(await runCommand(['journal', 'backup', 'copy/journal.db'], { cwd })).toMatchObject({
      code: 2,
      err: expect.stringContaining('DATAFLOW_ERR_OUTPUT_EXISTS'),
    });
    expect(await runCommand(['journal', 'export', '--out', 'all.ndjson'], { cwd })).toMatchObject({ code: 0, err: '' });
    for (const args of [['compact'], ['import', 'all.ndjson']]) {
      const { code, err } = await runCommand(['journal', ...args], { cwd });
      expect(err).toMatch(new RegExp(`DATAFLOW_ERR_JOURNAL_LOCKED: .*${process.pid}`));
      expect(code).toBe(2);
    }
  } finally {
    await owner.close();
  }
  const compacted = await runCommand(['journal', 'compact'], { cwd });
  expect(compacted).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^compacted {2}[\d,]+ bytes → [\d,]+ bytes\n$/),
  });
});

test('an export, piped into an import, makes a journal that runs on where the first one was', async () => {
  const cwd = await folderWithRun();
  const main = join(ROOT, 'dist/cli/main.js');
  const child = spawn(
    'sh',
    ['-c', `"$0" ${main} journal export | "$0" ${main} -j moved journal import -`, process.execPath],
    {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  }
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(out).toMatch(/^imported {2}\d+ events, \d+ snapshots? of 1 pipeline\n$/);
  const files = ['a.ndjson', 'b.ndjson'];
  await runCommand(['journal', 'export', '--out', files[0]!], { cwd });
  await runCommand(['-j', 'moved', 'journal', 'export', '--out', files[1]!], { cwd });
  const [first, second] = await Promise.all(files.map((file) => readFile(join(cwd, file), 'utf8')));
  expect(second).toBe(first);
  const again = await runCommand(['-j', 'moved', 'journal', 'import', 'a.ndjson'], { cwd });
  expect(again.out).toMatch(/^imported {2}0 events, 0 snapshots of 1 pipeline, \d+ were there already\n$/);
  await copyFile(join(cwd, 'in.csv'), join(cwd, 'before.csv'));
  await writeFile(join(cwd, 'in.csv'), `${FILES['in.csv']}5,new\n`);
  expect(await runCommand(['-j', 'moved', 'run', 'p.yaml'], { cwd })).toMatchObject({ code: 0 });
  expect((await readFile(join(cwd, 'out/one.ndjson'), 'utf8')).trim().split('\n')).toHaveLength(4);
});

test('what is wrong is one coded line, and nothing half is left', async () => {
  const cwd = await folderWithRun();
  await writeFile(join(cwd, 'bad.ndjson'), '{"type":"journal","version":1}\n{"type":"event","key":"x"');
  for (const [args, message] of [
    [['import', 'bad.ndjson'], /DATAFLOW_ERR_IMPORT_INVALID/],
    [['import', 'nope.ndjson'], /DATAFLOW_ERR_IMPORT_INVALID: Cannot read nope\.ndjson/],
    [['export', '--out', 'p.yaml'], /DATAFLOW_ERR_OUTPUT_EXISTS/],
    [['export', '--out', 'no/such.ndjson'], /DATAFLOW_ERR_OUTPUT_UNWRITABLE/],
    [['backup', 'no/such.db'], /DATAFLOW_ERR_OUTPUT_UNWRITABLE/],
  ] as const) {
    const { code, out, err } = await runCommand(['journal', ...args], { cwd });
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  }
  expect((await readdir(cwd)).sort()).toEqual(['bad.ndjson', 'data', 'in.csv', 'out', 'p.yaml']);
  for (const command of ['verify', 'compact', 'export']) {
    const { code, err } = await runCommand(['-j', 'none', 'journal', command], { cwd });
    expect(err).toMatch(/DATAFLOW_ERR_JOURNAL_OPEN_FAILED: There is no journal/);
    expect(code).toBe(2);
  }
  const { err } = await runCommand(['journal', 'verify'], { cwd, env: { DATAFLOW_JOURNAL_KIND: 'memory' } });
  expect(err).toMatch(/DATAFLOW_ERR_CLI_USAGE/);
});
