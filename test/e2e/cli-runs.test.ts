import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { runCommand, type Started, startCommand } from '../support/command-line.ts';
import { folderWith } from '../support/folder.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `{"n":${from + index}}\n`).join('');

interface Options {
  readonly expression?: string;
  readonly pollIntervalMs?: number;
}
const pipeline = ({ expression = 'true', pollIntervalMs = 0 }: Options = {}): string => `
pipelines:
  - id: one
    source: { type: file, connectionString: ./in.ndjson, batchSize: 10, pollIntervalMs: ${pollIntervalMs} }
    transforms: [{ type: filter, config: { expression: "${expression}" } }]
    sink: { type: file, connectionString: ./out/one.ndjson }
`;
const output = (cwd: string) => readFile(join(cwd, 'out/one.ndjson'), 'utf8');
const listed = async (cwd: string) => JSON.parse((await runCommand(['list', '--json'], { cwd })).out);

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
function start(args: readonly string[], cwd: string): Started {
  const started = startCommand(args, { cwd });
  children.push(started.child);
  return started;
}

describe('a run after a run', () => {
  test('does nothing new when there is nothing new', async () => {
    const cwd = await folderWith({ 'in.ndjson': lines(0, 25), 'p.yaml': pipeline() });
    expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 0 });
    const before = await listed(cwd);
    const again = await runCommand(['run', 'p.yaml'], { cwd });
    expect(again).toMatchObject({ code: 0, err: '' });
    const after = await listed(cwd);
    expect(after.metrics).toEqual(before.metrics);
    expect(after.checkpoint).toEqual(before.checkpoint);
    expect(await output(cwd)).toBe(lines(0, 25));
  });

  test('takes what was appended to the source', async () => {
    const cwd = await folderWith({ 'in.ndjson': lines(0, 25), 'p.yaml': pipeline() });
    await runCommand(['run', 'p.yaml'], { cwd });
    await appendFile(join(cwd, 'in.ndjson'), lines(25, 47));
    expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 0 });
    expect(await output(cwd)).toBe(lines(0, 47));
    expect(await listed(cwd)).toMatchObject({ checkpoint: { offset: 47 }, metrics: { totalRecordsProcessed: 47 } });
  });

  test('follows a specification that changed, from the checkpoint on', async () => {
    const cwd = await folderWith({ 'in.ndjson': lines(0, 20), 'p.yaml': pipeline() });
    await runCommand(['run', 'p.yaml'], { cwd });
    await appendFile(join(cwd, 'in.ndjson'), lines(20, 40));
    await writeFile(join(cwd, 'p.yaml'), pipeline({ expression: 'record.n >= 30' }));
    expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 0, err: '' });
    expect(await output(cwd)).toBe(lines(0, 20) + lines(30, 40));
    const { out } = await runCommand(['events', 'one'], { cwd });
    expect(out.match(/ConfigUpdated/g)).toHaveLength(1);
  });

  test('says when the source was replaced, and touches nothing', async () => {
    const cwd = await folderWith({ 'in.ndjson': lines(0, 20), 'p.yaml': pipeline() });
    await runCommand(['run', 'p.yaml'], { cwd });
    await writeFile(join(cwd, 'in.ndjson'), lines(0, 3));
    const { code, err } = await runCommand(['run', 'p.yaml'], { cwd });
    expect(err).toMatch(/DATAFLOW_ERR_SOURCE_CHANGED/);
    expect(code).toBe(1);
    expect(await output(cwd)).toBe(lines(0, 20));
  });
});

describe('signals', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s drains, ends with 130, and the next run is exact', async (signal) => {
    const cwd = await folderWith({ 'in.ndjson': lines(0, 1000), 'p.yaml': pipeline({ pollIntervalMs: 100 }) });
    const { child, finished, saw } = start(['run', '--keep-serving', 'p.yaml'], cwd);
    await saw(/[1-9]\d* records/);
    child.kill(signal);
    const { code, out, err } = await finished;
    expect(code).toBe(130);
    expect(err).toMatch(/^stopping: .*interrupt again/);
    expect(out).toMatch(/^one +running +\d+ +\d+ .*–?$/m);
    expect(out).not.toMatch(/takes no commands/);
    const { checkpoint, status } = await listed(cwd);
    expect(status).toBe('running');
    expect(checkpoint.offset).toBeLessThan(1000);
    await writeFile(join(cwd, 'p.yaml'), pipeline());
    expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 0 });
    expect(await output(cwd)).toBe(lines(0, 1000));
    expect(await listed(cwd)).toMatchObject({ metrics: { totalRecordsProcessed: 1000 } });
  });

  test('a second one stops at once', async () => {
    const cwd = await folderWith({ 'p.yaml': pipeline() });
    await writeFile(join(cwd, 'in.ndjson'), `{"pad":"${'x'.repeat(1000)}"}\n`.repeat(20_000));
    const slow = pipeline().replace(
      'type: file, connectionString: ./out/one.ndjson',
      'type: stdout, connectionString: "-"',
    );
    await writeFile(join(cwd, 'p.yaml'), slow.replace('batchSize: 10', 'batchSize: 10000'));
    // Nobody reads its output, so that the batch in progress cannot end.
    const child = spawn(process.execPath, [MAIN, 'run', 'p.yaml'], {
      cwd,
      env: { ...process.env, KAMON_PROMETHEUS_PORT: '0', DATAFLOW_STATUS_PAGE_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    child.stdout!.pause();
    let err = '';
    child.stderr!.on('data', (text) => {
      err += text;
    });
    await once(child.stdout!, 'readable');
    child.kill('SIGINT');
    while (!err.includes('interrupt again')) await once(child.stderr!, 'data');
    // What comes within one key press counts as one interruption, so it is sent until it is heard.
    const exited = once(child, 'exit');
    const again = setInterval(() => child.kill('SIGINT'), 100);
    const [code] = await exited;
    clearInterval(again);
    child.stdout!.resume();
    expect(code).toBe(130);
    expect(err).toMatch(/stopped at once/);
  });

  test('--keep-serving serves the truth until it is interrupted, and ends with 0', async () => {
    const cwd = await folderWith({ 'in.ndjson': lines(0, 25), 'p.yaml': pipeline() });
    const { child, finished, saw } = start(['run', '--keep-serving', 'p.yaml'], cwd);
    const [, url] = await saw(/serving metrics at (\S+);/);
    const text = await (await fetch(url!)).text();
    expect(text).toMatch(/^dataflow_records_processed_total\{pipeline_id="one"\} 25$/m);
    expect(text).toMatch(/^dataflow_batches_processed_total\{pipeline_id="one"\} 3$/m);
    expect(text).toMatch(/^dataflow_pipelines_stopped 1$/m);
    child.kill('SIGINT');
    expect(await finished).toMatchObject({ code: 0, err: '' });
  });

  test('--keep-serving tells of a failed pipeline and ends with 1', async () => {
    const cwd = await folderWith({ 'p.yaml': pipeline() });
    const { child, finished, saw } = start(['run', '--keep-serving', 'p.yaml'], cwd);
    const [, url] = await saw(/serving metrics at (\S+);/);
    expect(await (await fetch(url!)).text()).toMatch(/^dataflow_pipelines_failed 1$/m);
    child.kill('SIGTERM');
    expect(await finished).toMatchObject({ code: 1 });
  });

  test('a reader of the output that goes away stops the run as a signal does', async () => {
    const cwd = await folderWith({ 'in.ndjson': lines(0, 1000), 'p.yaml': pipeline({ pollIntervalMs: 50 }) });
    const { child, finished, saw } = start(['run', 'p.yaml'], cwd);
    await saw(/metrics at/);
    child.stdout!.destroy();
    expect((await finished).code).toBe(130);
    expect(await runCommand(['list'], { cwd })).toMatchObject({ code: 0 });
  });
});

test('records on the standard output stay alone there', async () => {
  const yaml = pipeline().replace(
    'type: file, connectionString: ./out/one.ndjson',
    'type: stdout, connectionString: "-"',
  );
  const cwd = await folderWith({ 'in.ndjson': lines(0, 25), 'p.yaml': yaml });
  const { code, out, err } = await runCommand(['run', 'p.yaml'], { cwd });
  expect(code).toBe(0);
  expect(out).toBe(lines(0, 25));
  expect(err).toMatch(/^one +stopped +3 +25/m);
});

test('a terminal gets lines that are redrawn, and colours of nobody', async () => {
  const cwd = await folderWith({ 'in.ndjson': lines(0, 100), 'p.yaml': pipeline({ pollIntervalMs: 60 }) });
  const command = `stty cols 60; "${process.execPath}" "${MAIN}" run p.yaml`;
  const ports = { KAMON_PROMETHEUS_PORT: '0', DATAFLOW_STATUS_PAGE_PORT: '0' };
  const env: Record<string, string> = { PATH: process.env.PATH ?? '', TERM: 'xterm', ...ports };
  const text = execFileSync('bash', ['-c', 'script -qec "$0" /dev/null', command], { cwd, env, encoding: 'utf8' });
  const shown = text.replaceAll('\u001b', 'ESC');
  expect(shown).toMatch(/ESC\[1AESC\[2Kone {2}running .*█+░+ +\d+ %/);
  expect(shown).toMatch(/ESC\[1AESC\[2Kone {2}stopped +█{20} 100 %/);
  expect(text).toMatch(/one +stopped +10 +100/);
  const [drawn] = shown.split('pipeline  state');
  for (const line of drawn!.split(/\r?\n/)) expect(line.replace(/ESC\[\d*[A-Z]/g, '').length).toBeLessThan(60);
});

describe('a full disk', () => {
  /** Needs the right to mount. */
  const canMount = (() => {
    try {
      execFileSync('bash', ['-c', 'unshare --mount --pid --fork --kill-child true'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  })();
  (canMount ? test : test.skip)(
    'of the journal: nothing is acknowledged that is not there, and it goes on later',
    async () => {
      const cwd = await folderWith({ 'in.ndjson': lines(0, 3000), 'p.yaml': pipeline() });
      await mkdir(join(cwd, 'small'));
      // The mount lives in the namespace of the shell alone. The ballast goes while the pipeline waits.
      const script = `
      mount -t tmpfs -o size=32m none small && mkdir small/data
      head -c 32000000 /dev/zero > small/ballast
      "${process.execPath}" "${MAIN}" -j small/data run p.yaml > first.log 2>&1 & pid=$!
      until grep -q 'No space is left' first.log || ! kill -0 $pid; do sleep 0.05; done
      "${process.execPath}" "${MAIN}" -j small/data list --json
      rm small/ballast; wait $pid; echo "code $?"
      "${process.execPath}" "${MAIN}" -j small/data list --json
      cat first.log`;
      const env = { ...process.env, KAMON_PROMETHEUS_PORT: '0', DATAFLOW_STATUS_PAGE_PORT: '0' };
      const shell = spawn('bash', ['-c', 'exec unshare --mount --pid --fork --kill-child bash -c "$0"', script], {
        cwd,
        env,
      });
      children.push(shell);
      let text = '';
      shell.stdout.on('data', (chunk) => {
        text += chunk;
      });
      shell.stderr.on('data', (chunk) => {
        text += chunk;
      });
      await once(shell, 'close');
      expect(text).toMatch(/"status":"running"[\s\S]*code 0[\s\S]*"status":"stopped"/);
      expect(text).toMatch(/warning: .*No space is left for the journal/);
      expect(text).not.toMatch(/^\s+at /m);
      expect(await output(cwd)).toBe(lines(0, 3000));
    },
  );
});
