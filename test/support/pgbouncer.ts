/** A real PgBouncer in transaction mode, in front of a server of postgres.ts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from '@jest/globals';
import pg from 'pg';
import { pollFor } from './poll.ts';
import { PASSWORD, type PostgresServer, USER } from './postgres.ts';
import { freePort, missing, PROGRAM_PATH } from './prometheus-server.ts';

/** Server connections at most, for however many clients. */
export const POOL_SIZE = 3;

export interface PgBouncer {
  readonly port: number;
  /** How many clients the pool of the database has. */
  clients(): Promise<number>;
  /** Kills it, with what its clients have begun, and starts it again on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** Startup parameters are left as strict as they are by default: what it does not know, it refuses. */
function configuration(folder: string, port: number, serverPort: number): string {
  return [
    '[databases]',
    `postgres = host=127.0.0.1 port=${serverPort}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'pool_mode = transaction',
    `default_pool_size = ${POOL_SIZE}`,
    'max_client_conn = 1000',
    'auth_type = scram-sha-256',
    `auth_file = ${join(folder, 'users.txt')}`,
    `stats_users = ${USER}`,
    // Seconds; by default it stays away from a server that restarts for 15.
    'server_login_retry = 1',
    // It refuses to run as root.
    ...(process.getuid?.() === 0 ? [`user = ${USER}`] : []),
  ].join('\n');
}

async function start(config: string, admin: string): Promise<ChildProcess> {
  const child = spawn('pgbouncer', [config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: PROGRAM_PATH },
  });
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  await pollFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`PgBouncer ended:\n${log}`);
      return ask(admin, 'SHOW VERSION').catch(() => []);
    },
    (rows) => rows.length > 0,
  );
  return child;
}

async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

export async function startPgBouncer(server: PostgresServer): Promise<PgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'dataflow-pgbouncer-'));
  // Run by root, it becomes another user, who must come through to its files.
  await chmod(folder, 0o755);
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  await writeFile(config, configuration(folder, port, server.port));
  await writeFile(join(folder, 'users.txt'), `${quoted(USER)} ${quoted(PASSWORD)}\n`);
  const admin = server.url(port).replace(/[^/]*$/, 'pgbouncer');
  let child = await start(config, admin);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ended = once(child, 'close');
    child.kill(signal);
    await ended;
  };
  return {
    port,
    async clients() {
      const all = await ask(admin, 'SHOW CLIENTS');
      return all.filter(({ database }) => database === 'postgres').length;
    },
    async restart() {
      await end('SIGKILL');
      child = await start(config, admin);
    },
    async stop() {
      // In order, it would wait for its clients.
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Suites that need it: skipped where it is not installed, and said so; with CI set they fail instead. */
export function describeWithPgBouncer(name: string, body: () => void): void {
  const reason = missing('pgbouncer');
  if (reason === undefined) describe(name, body);
  else if (process.env.CI === undefined) test.skip(`${name} (${reason})`, () => {});
  else {
    test(name, () => {
      throw new Error(`${reason}, which CI must have`);
    });
  }
}
