import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { generateSloFiles, type PipelineSpec, startPlatform } from '../../src/index.ts';
import { runCommand } from '../support/command-line.ts';
import { folderWith } from '../support/folder.ts';
import { missing } from '../support/prometheus-server.ts';

const execute = promisify(execFile);
const pipeline = (slo: string): string => `pipelines:
  - id: orders
    source: { type: file, connectionString: ./orders.ndjson }
    sink: { type: file, connectionString: ./out/orders.ndjson }
    slo: ${slo}
`;
const WHOLE =
  '{ success: { target: 0.999 }, latency: { target: 0.99, underMs: 1000 }, freshness: { target: 0.995, withinMs: 120000 } }';

describe('dataflow slo generate', () => {
  test('writes what the code generates, and touches nothing that is there already', async () => {
    const cwd = await folderWith({ 'orders.yaml': pipeline(WHOLE) });
    const generate = (...more: readonly string[]) =>
      runCommand(['slo', 'generate', 'orders.yaml', '--out', 'slo', ...more], { cwd });
    const paths = [
      'rules/orders.yaml',
      'tests/orders.yaml',
      'tests/orders.freshness.yaml',
      'dashboards/dataflow-slo.json',
    ].map((path) => join('slo', path));

    const first = await generate();
    expect([first.code, first.err, first.out]).toEqual([0, '', paths.map((path) => `wrote  ${path}\n`).join('')]);
    const slo = {
      success: { target: 0.999 },
      latency: { target: 0.99, underMs: 1000 },
      freshness: { target: 0.995, withinMs: 120_000 },
    };
    for (const { path, content } of generateSloFiles([{ id: 'orders', slo }]))
      expect([path, (await readFile(join(cwd, 'slo', path), 'utf8')) === content]).toEqual([path, true]);

    const again = await generate();
    expect([again.code, again.out]).toEqual([0, paths.map((path) => `unchanged  ${path}\n`).join('')]);

    const [rules = ''] = paths;
    await writeFile(join(cwd, rules), 'mine');
    const refused = await generate();
    expect([refused.code, refused.out]).toEqual([2, '']);
    expect(refused.err).toContain(`error DATAFLOW_ERR_OUTPUT_EXISTS: ${rules} exists with another content`);
    expect(await readFile(join(cwd, rules), 'utf8')).toBe('mine');

    const forced = await generate('--force', '--job', 'etl');
    expect(forced.code).toBe(0);
    expect(await readFile(join(cwd, rules), 'utf8')).toContain('job="etl"');
  });

  test('measures latency by the buckets that are configured, as check does', async () => {
    const cwd = await folderWith({
      'orders.yaml': pipeline('{ latency: { target: 0.99, underMs: 700 } }'),
      'fine.yaml': 'metrics: { buckets: { dataflow.batch.duration: [0.7] } }\n',
    });
    for (const command of [
      ['check', 'orders.yaml'],
      ['slo', 'generate', 'orders.yaml', '--out', 'slo'],
    ]) {
      const refused = await runCommand(command, { cwd });
      expect([refused.code, refused.out]).toEqual([2, '']);
      expect(refused.err).toMatch(
        /^error DATAFLOW_ERR_PIPELINE_INVALID: 1 problem\n {2}orders\.yaml:2: orders\.slo\.latency\.underMs: .*nearest: 500 or 1000;.* got 700\n$/,
      );
      expect((await runCommand(['-c', 'fine.yaml', ...command], { cwd })).code).toBe(0);
    }
  });

  test('refuses an objective over metrics that the configuration filters out', async () => {
    const cwd = await folderWith({
      'orders.yaml': pipeline('{ success: { target: 0.99 }, freshness: { target: 0.9, withinMs: 60000 } }'),
      'filter.yaml': 'metrics: { filter: { exclude: ["dataflow.batches.*"] } }\n',
    });
    const refused = await runCommand(['-c', 'filter.yaml', 'slo', 'generate', 'orders.yaml', '--out', 'slo'], { cwd });
    expect([refused.code, refused.out]).toEqual([2, '']);
    expect(refused.err).toContain(
      '1 problem\n  orders.yaml:2: orders.slo.success: expected an objective over instruments that metrics.filter lets through, got one that needs dataflow.batches.processed, dataflow.batches.failed\n',
    );
  });

  test('says what is wrong with files, objectives and directory', async () => {
    const cwd = await folderWith({
      'orders.yaml': pipeline(WHOLE),
      'wrong.yaml': pipeline('{ success: { target: 99.9 } }'),
      'none.yaml': pipeline('').replace(/ +slo:.*\n/, ''),
      occupied: 'a file',
    });
    const generate = async (...args: readonly string[]) => {
      const { code, out, err } = await runCommand(['slo', 'generate', ...args], { cwd });
      expect([code, out]).toEqual([2, '']);
      return err;
    };
    expect(await generate('none.yaml', '--out', 'slo')).toContain('error DATAFLOW_ERR_SLO_MISSING: ');
    expect(await generate('orders.yaml', '--out', 'occupied')).toContain('error DATAFLOW_ERR_OUTPUT_UNWRITABLE: ');
    expect(await generate('orders.yaml', '--out', 'slo', '--job', '')).toContain('error DATAFLOW_ERR_CLI_USAGE: ');
    expect(await generate('orders.yaml')).toContain("required option '--out <directory>'");
    expect(await generate('wrong.yaml', '--out', 'slo')).toMatch(
      /wrong\.yaml:5:\d+: pipelines\.0\.slo\.success\.target: /,
    );
    expect(await readdir(cwd)).not.toContain('slo');
  });
});

test('a platform keeps the objectives, and tells a specification with others from its own', async () => {
  const path = join(await folderWith(), 'data');
  const options = {
    journal: { path },
    metrics: { enabled: false },
    statusPage: { enabled: false },
    configFile: false,
    env: {},
  } as const;
  const spec: PipelineSpec = {
    id: 'orders',
    sink: { type: 'null', connectionString: 'null' },
    slo: { success: { target: 0.999 } },
  };
  const stored = { success: { target: 0.999 }, window: '30d' };
  {
    await using platform = await startPlatform(options);
    expect(await (await platform.spawnPipeline(spec)).state()).toMatchObject({ config: { slo: stored } });
  }
  await using platform = await startPlatform(options);
  const orders = await platform.spawnPipeline({ ...spec, slo: { ...spec.slo, window: '30d' } });
  expect(await orders.state()).toMatchObject({ config: { slo: stored } });
  const other = { ...spec, slo: { success: { target: 0.99 } } };
  await expect(platform.spawnPipeline(other)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_CONFLICT' });
  const { slo: _slo, ...without } = spec;
  await expect(platform.spawnPipeline(without)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_CONFLICT' });
  await orders.updateConfig(other);
  expect(await orders.state()).toMatchObject({ config: { slo: { success: { target: 0.99 }, window: '30d' } } });
});

const noPromtool = missing('promtool');
const promtoolTest = noPromtool === undefined ? test : test.skip;
const suffix = noPromtool === undefined ? '' : `: skipped, ${noPromtool}`;

/** Nothing where they pass, else what promtool says. */
async function failures(folder: string, file: string): Promise<string> {
  try {
    await execute('promtool', ['test', 'rules', file], { cwd: folder });
    return '';
  } catch (error) {
    return (error as { stderr: string }).stderr + (error as { stdout: string }).stdout;
  }
}

promtoolTest(`promtool takes the rules, and their tests pass${suffix}`, async () => {
  const cwd = await folderWith({ 'orders.yaml': pipeline(WHOLE) });
  // Every language on the way has a quote of its own.
  const job = 'a "job" \\ of {{ $mine }}\nand more';
  const { code } = await runCommand(['slo', 'generate', 'orders.yaml', '--out', 'slo', '--job', job], { cwd });
  expect(code).toBe(0);
  const checked = await execute('promtool', ['check', 'rules', 'slo/rules/orders.yaml'], { cwd });
  expect(checked.stdout).toContain('SUCCESS: 48 rules found');
  for (const name of await readdir(join(cwd, 'slo/tests')))
    expect([name, await failures(cwd, join('slo/tests', name))]).toEqual([name, '']);
});

const success = { success: { target: 0.99 } };
const latency = { latency: { target: 0.99, underMs: 1000 } };
const freshness = { freshness: { target: 0.9, withinMs: 60_000 } };

promtoolTest.each([
  ['the first failure is not counted', success, / or label_replace\(min_over_time.*?"", ""\)/g, ''],
  ['a removed pipeline alerts on', success, / and on \(job, pipeline_id\) max by .*$/gm, ''],
  ['the threshold is another', success, /> 0\.144 /g, '> 1 '],
  ['idle gives NaN', success, / > 0\) or /g, ') or '],
  ['the boundary is another', latency, /le=~"[^"]*"/g, 'le="+Inf"'],
  ['a pause costs', freshness, /running\|failed/g, 'running|failed|paused'],
  ['a stop costs', freshness, /running\|failed/g, 'running|failed|stopped'],
  ['a failed pipeline is excused', freshness, /running\|failed/g, 'running'],
  ['there is no time to begin again', freshness, /min_over_time/g, 'max_over_time'],
  ['an empty source counts', freshness, / unless on \(job, pipeline_id\) \(max by .*? == 1\)/g, ''],
])(`the tests notice when %s${suffix}`, async (_fault, slo, pattern, replacement) => {
  const folder = await folderWith();
  const kind = slo === freshness ? 'tests/a.freshness.yaml' : 'tests/a.yaml';
  for (const { path, content } of generateSloFiles([{ id: 'a', slo }])) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    const written = path.startsWith('rules/') ? content.replaceAll(pattern, replacement) : content;
    if (path.startsWith('rules/')) expect(written).not.toBe(content);
    await writeFile(join(folder, path), written);
  }
  await execute('promtool', ['check', 'rules', 'rules/a.yaml'], { cwd: folder });
  expect(await failures(folder, kind)).toContain('FAILED');
});
