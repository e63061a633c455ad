import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { shutDownNodes, startNode } from '../support/cluster.ts';
import { ROOT } from '../support/command-line.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { type Family, parsePrometheus, sampleValue } from '../support/prometheus-parser.ts';
import { missing } from '../support/prometheus-server.ts';
import { codeBlocks, readReadme, rowsOf, tableUnder } from '../support/readme.ts';

/** Commands of the README that are run as a whole elsewhere: the file that runs them, and its words. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, words: readonly string[]]>> = {
  'npm ci && npm start': ['.ci/run', ['npm ci', 'npm start']],
  'npm test': ['.ci/run', ['npm test']],
};
/** Run here, while `npm start` serves. */
const SCRAPE = 'curl -s http://localhost:9095/metrics';
const DOCTOR = 'npx dataflow doctor';
/** Run here, while a process shares its pipelines. */
const NODES = 'npx dataflow nodes';

const readme = readReadme();
const commands = codeBlocks(readme, 'sh').flatMap(({ code }) => code.trim().split('\n'));
const samples = codeBlocks(readme, 'yaml').map((block) => ({ ...block, value: parse(block.code) }));
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(KAMON|OTEL|DATAFLOW|NODE_|npm_)/.test(name)),
  ),
  KAMON_PROMETHEUS_PORT: '0',
  DATAFLOW_STATUS_PAGE_PORT: '0',
};

/** A copy of what the image is built from, so that this shows it to be enough, with what `npm ci` would have made. */
let tree: string;

const execute = promisify(execFile);
const run = (file: string, args: readonly string[]) => execute(file, args, { cwd: tree, env });

/** What the examples find under DATABASE_URL. */
let database: PostgresServer;

beforeAll(async () => {
  database = await startPostgres();
  env.DATABASE_URL = database.url();
  tree = await mkdtemp(join(tmpdir(), 'dataflow-readme-'));
  const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
  for (const name of copied) {
    await cp(join(ROOT, name), join(tree, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  for (const { code, value } of samples) {
    if (value.pipelines !== undefined) await writeFile(join(tree, `${value.pipelines[0].id}.yaml`), code);
  }
  await start();
}, 120_000);

afterAll(async () => {
  await database.stop();
  await rm(tree, { recursive: true, force: true });
});

let output: string;
let scraped: string;
let examined: string;
let ended: readonly [code: number | null, signal: NodeJS.Signals | null];

/** `npm start`, a scrape and an examination as the README tells to, Ctrl-C. */
async function start(): Promise<void> {
  output = '';
  const child = spawn('npm', ['start'], { cwd: tree, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const serving = new Promise<string>((resolve, reject) => {
    const look = (text: string): void => {
      output += text;
      const [, url] = /serving metrics at (\S+);/.exec(output) ?? [];
      if (url !== undefined) resolve(url);
    };
    child.stdout.setEncoding('utf8').on('data', look);
    child.stderr.setEncoding('utf8').on('data', look);
    closed.then(() => reject(new Error(`npm start ended before it served:\n${output}`)), reject);
  });
  try {
    const url = await serving;
    scraped = (await run('sh', ['-c', SCRAPE.replace('http://localhost:9095/metrics', url)])).stdout;
    examined = (await run('sh', ['-c', `${DOCTOR} --url ${url}`])).stdout;
  } finally {
    // As a terminal does: to every process of the foreground group.
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGINT');
    ended = await closed;
  }
}

describe('npm start', () => {
  test('ends cleanly on Ctrl-C', async () => {
    expect(ended).toEqual([0, null]);
    expect(output).not.toMatch(/at once|warning|error/i);
    const { stdout } = await run('npx', ['dataflow', 'list', '--json']);
    const states = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).status);
    expect(states).toEqual(['stopped', 'stopped', 'stopped']);
  });

  test('prints what the README shows, rates aside', () => {
    const [shown] = codeBlocks(readme, 'text');
    const rows = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => /^[\w-]+ +stopped +\d/.test(line))
        .map((line) => line.replace(/[\d,]+\/s/, '').replaceAll(/ +/g, ' '));
    expect(rows(shown!.code)).toHaveLength(3);
    expect(rows(output)).toEqual(rows(shown!.code));
    const last = shown!.code.trimEnd().split('\n').at(-1)!;
    expect(output).toContain(last.slice(0, last.indexOf('http')));
    expect(output).toContain('source completed');
  });

  test('serves the metrics of the excerpt', () => {
    const [excerpt] = codeBlocks(readme, 'prometheus');
    const served = new Set(scraped.split('\n'));
    const comments = excerpt!.code.split('\n').filter((line) => line.startsWith('#'));
    expect(comments.filter((line) => !served.has(line))).toEqual([]);
    const families = parsePrometheus(scraped);
    const shown = samplesOf(excerpt!.code);
    expect(shown.length).toBeGreaterThan(12);
    for (const { name, labels, value } of shown) {
      const real = sampleValue(families, name, labels);
      expect([name, labels, real]).toEqual([name, labels, expect.any(Number)]);
      // Counts and states are the same on every machine, times and sizes are not.
      if (/_total$|_count$|_stopped$/.test(name) || labels.le === '+Inf') expect([name, real]).toEqual([name, value]);
    }
  });

  test('is examined as the README shows, numbers aside', () => {
    const shown = codeBlocks(readme, 'text').find(({ code }) => code.startsWith('ok '))!;
    const lines = (text: string): string[] =>
      text
        .replaceAll(/\d[\d.]*/g, 'N')
        .replaceAll(/N [km]?B\b/gi, 'N B')
        .split('\n');
    const [real, expected] = [lines(examined), lines(shown.code)];
    expect(expected.length).toBeGreaterThan(13);
    // How busy the machine of a test is, and so the number of warnings, is no matter.
    const isSteady = (line: string): boolean => !/ process | failed, /.test(line);
    expect(real.filter((line) => isSteady(line) && !line.startsWith(' '))).toEqual(expected.filter(isSteady));
    expect(examined).toMatch(/ 0 failed, 0 skipped\n$/);
  });

  test('serves every pipeline and runtime metric that needs nothing to go wrong', () => {
    const families: Map<string, Family> = parsePrometheus(scraped);
    const rows = tableUnder(readme, '<summary>Pipelines</summary>');
    const absent = rows.map(([cell]) => cell!.replaceAll('`', '')).filter((series) => !families.has(series));
    expect(absent.sort()).toEqual(['dataflow_batches_failed_total', 'dataflow_retries_scheduled_total']);
  });

  test('writes dead letters of the shape that the README shows', async () => {
    const shown = JSON.parse(codeBlocks(readme, 'json')[0]!.code);
    const lines = (await readFile(join(tree, 'out/strong-earthquakes.rejected.ndjson'), 'utf8')).trim().split('\n');
    const real = lines.map((line) => JSON.parse(line)).find(({ line }) => line === shown.line);
    const { message } = real.error;
    // Node.js words the rest.
    expect(message).toMatch(/^Line 402 is malformed: not JSON: /);
    expect({ ...real, error: { ...real.error, message: shown.error.message } }).toEqual(shown);
  });
});

function samplesOf(text: string): { name: string; labels: Record<string, string>; value: number }[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key!, text!] as const);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

describe('code', () => {
  const blocks = codeBlocks(readme, 'js', 'cjs').map((block) => [block.line, block] as const);

  test('there are examples', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(7);
  });

  test('the first one is about 20 lines long', () => {
    expect(blocks[0]![1].code.trim().split('\n').length).toBeLessThanOrEqual(22);
  });

  test.each(blocks)('the example at line %d runs', async (line, { language, code }) => {
    const file = `example-${line}.${language === 'cjs' ? 'cjs' : 'mjs'}`;
    await writeFile(join(tree, file), code);
    const { stderr } = await run(process.execPath, [file]);
    expect(
      stderr.split('\n').filter((text) => text !== '' && !/ExperimentalWarning|--trace-warnings/.test(text)),
    ).toEqual([]);
  });

  test('the first example says the same when it is run again', async () => {
    await writeFile(join(tree, 'example.mjs'), blocks[0]![1].code);
    const outputs = [await run(process.execPath, ['example.mjs']), await run(process.execPath, ['example.mjs'])];
    for (const { stdout } of outputs) expect(stdout).toMatch(/\n1707 records processed, 5 failed\n$/);
  });

  test('the pushing example prints what the text says', async () => {
    const pushing = blocks.map(([, block]) => block.code).find((code) => code.includes('.ingest(batch)'))!;
    await writeFile(join(tree, 'pushing.mjs'), pushing.replaceAll('request-4711', 'request-4712'));
    const [, said] = /That prints `(.*?)`/.exec(readme)!;
    expect((await run(process.execPath, ['pushing.mjs'])).stdout).toBe(`${said}\n`);
  });
});

describe('commands', () => {
  const dataflow = commands.filter(
    (command) => command.startsWith('npx dataflow ') && ![DOCTOR, NODES].includes(command),
  );

  test('each one is run by a test', async () => {
    const others = commands.filter((command) => ![...dataflow, SCRAPE, DOCTOR, NODES].includes(command));
    expect(others.sort()).toEqual(Object.keys(ELSEWHERE).sort());
    for (const [file, words] of Object.values(ELSEWHERE)) {
      const text = await readFile(join(ROOT, file), 'utf8');
      for (const word of words) expect(text).toMatch(new RegExp(`(?:^|[\\s'"])${word}(?:$|[\\s'"])`, 'm'));
    }
  });

  test.each(dataflow)('%s', async (command) => {
    const { stdout, stderr } = await run('sh', ['-c', command]);
    expect(stdout).toContain('big-quakes');
    expect(stderr).not.toMatch(/error|warning/i);
  });

  test(NODES, async () => {
    const node = await startNode({ url: database.url(), schema: 'dataflow', node: 'worker-1' });
    try {
      await node.spawnPipeline({
        id: 'big-quakes',
        source: { type: 'push' },
        sink: { type: 'null', connectionString: 'null' },
      });
      const shared = { ...env, DATAFLOW_JOURNAL_KIND: 'postgres', DATAFLOW_JOURNAL_URL: database.url() };
      const { stdout, stderr } = await execute('sh', ['-c', NODES], { cwd: tree, env: shared });
      expect(stdout).toMatch(/^worker-1 +up +\d/m);
      expect(stdout).toMatch(/^big-quakes +worker-1 +1 +until /m);
      expect(stderr).toBe('');
    } finally {
      await shutDownNodes();
    }
  });

  test('every command of the table has run, or prints its answer here', async () => {
    const [, section = ''] = readme.split('<!-- table:commands -->');
    const names = rowsOf(section.split('<!-- /table -->')[0]!.trim()).map(([cell]) => cell!.split(/[ `]/)[2]!);
    expect(names).toHaveLength(14);
    const ran = [...dataflow, DOCTOR, NODES];
    const rest = names.filter((name) => !ran.some((command) => command.startsWith(`npx dataflow ${name}`)));
    expect(rest).toEqual(['state', 'metrics']);
    const state = await run('npx', ['dataflow', 'state', 'big-quakes']);
    expect(JSON.parse(state.stdout)).toMatchObject({ id: 'big-quakes', status: 'stopped' });
    const metrics = await run('npx', ['dataflow', 'metrics']);
    for (const [cell] of tableUnder(readme, '<summary>Runtime</summary>')) {
      expect(metrics.stdout).toContain(` ${cell!.replaceAll('`', '')} `);
    }
  });
});

describe('YAML', () => {
  test('each block is pipelines, settings or a Prometheus configuration', () => {
    const kinds = samples.map(({ value }) => Object.keys(value).join());
    expect([...new Set(kinds)].sort()).toEqual([
      'journal',
      'journal,cluster',
      'metrics',
      'pipelines',
      'scrape_configs',
    ]);
    expect(kinds.filter((kind) => kind !== 'metrics' && !kind.startsWith('journal'))).toHaveLength(2);
  });

  test.each(samples.filter(({ value }) => value.metrics !== undefined || value.journal !== undefined))(
    'the settings at line $line are valid',
    async ({ code }) => {
      await writeFile(join(tree, 'settings.yaml'), code);
      const names = [...code.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name!);
      const checked = await execute('npx', ['dataflow', '-c', 'settings.yaml', 'check', 'big-quakes.yaml'], {
        cwd: tree,
        env: { ...env, ...Object.fromEntries(names.map((name) => [name, 'x'])) },
      });
      expect(checked.stdout).toMatch(/^ok /);
    },
  );

  test('the specification names keys that exist', async () => {
    const { code } = samples.find(({ value }) => value.pipelines !== undefined)!;
    await writeFile(join(tree, 'wrong.yaml'), code.replace('batchTimeoutMs', 'batchTimeout'));
    await expect(run('npx', ['dataflow', 'check', 'wrong.yaml'])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('batchTimeoutMs'),
    });
  });

  const noPromtool = missing('promtool');
  (noPromtool === undefined ? test : test.skip)(
    `promtool takes the scrape configuration${noPromtool === undefined ? '' : `: skipped, ${noPromtool}`}`,
    async () => {
      const { code } = samples.find(({ value }) => value.scrape_configs !== undefined)!;
      await writeFile(join(tree, 'prometheus.yml'), code);
      expect((await run('promtool', ['check', 'config', 'prometheus.yml'])).stdout).toContain('SUCCESS');
    },
  );
});
