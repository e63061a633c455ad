import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface QueryResult {
  readonly metric: Record<string, string>;
  /** Time in seconds, and the value as text. */
  readonly value: [number, string];
}

export interface RunningPrometheus {
  /** For instance http://127.0.0.1:9090, without a slash at its end. */
  readonly url: string;
  query(expression: string): Promise<QueryResult[]>;
  /** Asks again until `enough` holds; throws with the last answer when it never does. */
  waitFor(expression: string, enough?: (result: QueryResult[]) => boolean, deadlineMs?: number): Promise<QueryResult[]>;
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  /** 10 s at most: it is also the timeout; default 1s. Rules are evaluated as often. */
  readonly scrapeInterval?: string;
  /** Paths of files of rules. */
  readonly rules?: readonly string[];
  /** host:port. */
  readonly alertmanager?: string;
  /** Further keys of the scrape configuration. */
  readonly scrape?: Readonly<Record<string, unknown>>;
  /** Further arguments. */
  readonly flags?: readonly string[];
}

/** The Debian package of each program. */
const PACKAGES = {
  prometheus: 'prometheus',
  promtool: 'prometheus',
  'prometheus-alertmanager': 'prometheus-alertmanager',
  amtool: 'prometheus-alertmanager',
  pgbouncer: 'pgbouncer',
} as const;

/** Debian installs servers where only root looks for programs. */
export const PROGRAM_PATH = `${process.env.PATH}:/usr/sbin`;

/** Undefined where the program is there, else why a test that needs it is skipped. */
export function missing(program: keyof typeof PACKAGES): string | undefined {
  const { error } = spawnSync(program, ['--version'], { env: { ...process.env, PATH: PROGRAM_PATH } });
  return error === undefined ? undefined : `${program} is not installed (Debian package ${PACKAGES[program]})`;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function configuration(targets: readonly string[], options: PrometheusOptions): string {
  const { scrapeInterval = '1s', rules = [], alertmanager, scrape } = options;
  return stringify({
    global: { scrape_interval: scrapeInterval, evaluation_interval: scrapeInterval },
    rule_files: rules,
    ...(alertmanager !== undefined && {
      alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
    }),
    scrape_configs: [{ job_name: 'dataflow-platform', static_configs: [{ targets }], ...scrape }],
  });
}

/** A Prometheus on a free port that scrapes the targets (host:port). */
export async function runPrometheus(
  targets: readonly string[],
  options: PrometheusOptions = {},
): Promise<RunningPrometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'dataflow-prometheus-'));
  const config = join(folder, 'prometheus.yml');
  await writeFile(config, configuration(targets, options));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child: ChildProcess = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
      ...(options.flags ?? []),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));

  const query = async (expression: string): Promise<QueryResult[]> => {
    const address = `${url}/api/v1/query?query=${encodeURIComponent(expression)}`;
    const response = await fetch(address, { headers: { connection: 'close' } });
    const body = (await response.json()) as { status: string; error?: string; data: { result: QueryResult[] } };
    if (body.status !== 'success') throw new Error(`${expression}: ${body.error}`);
    return body.data.result;
  };
  const waitFor = async (
    expression: string,
    enough = (result: QueryResult[]) => result.length > 0,
    deadlineMs = 120_000,
  ) => {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      let last: string;
      try {
        const result = await query(expression);
        if (enough(result)) return result;
        last = JSON.stringify(result);
      } catch (error) {
        // Not listening yet.
        last = String(error);
      }
      if (performance.now() > deadline || child.exitCode !== null)
        throw new Error(`${expression} gave ${last}\n${log}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  return { url, query, waitFor, stop };
}
