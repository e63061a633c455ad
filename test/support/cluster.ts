/** Platforms of one process that share a PostgreSQL journal as if they were several. */
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { Platform } from '../../src/platform/platform.ts';
import { type PlatformOptions, startPlatform } from '../../src/platform/start.ts';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';
import { pollFor } from './poll.ts';
import { newSchema, type PostgresServer, startPostgres } from './postgres.ts';

/** Short, so that a test need not wait long, and long enough for a machine that does much else. */
export const LEASE_MS = 3000;

const started = new Set<Platform>();

export interface NodeOptions extends Omit<PlatformOptions, 'journal' | 'cluster'> {
  readonly url: string;
  readonly schema: string;
  readonly node: string;
}

export async function startNode({ url, schema, node, ...options }: NodeOptions): Promise<Platform> {
  const platform = await startPlatform({
    env: {},
    configFile: false,
    metrics: { prometheus: { enabled: false } },
    statusPage: { enabled: false },
    onWarning: () => {},
    ...options,
    journal: { kind: 'postgres', url, schema },
    cluster: { enabled: true, node, leaseTime: LEASE_MS },
  });
  started.add(platform);
  return platform;
}

export async function shutDownNodes(): Promise<void> {
  await Promise.all([...started].map((platform) => platform.shutdown()));
  started.clear();
}

/** What the nodes of a test share, and what some of them reach it through; to be looked at while tests run. */
export interface SharedDatabase {
  server: PostgresServer;
  proxy: CuttingProxy;
  /** Another one for each test. */
  schema: string;
}

/** A database for the tests of a file, whose nodes end with each of them. */
export function useSharedDatabase(): SharedDatabase {
  const shared = {} as SharedDatabase;
  beforeAll(async () => {
    shared.server = await startPostgres();
    shared.proxy = await startCuttingProxy(shared.server.port);
  });
  afterAll(async () => {
    await shared.proxy.close();
    await shared.server.stop();
  });
  beforeEach(() => {
    shared.schema = newSchema();
  });
  afterEach(async () => {
    shared.proxy.part(false);
    await shutDownNodes();
  });
  return shared;
}

export const ownedBy = (platform: Platform): string[] => platform.listPipelines().map(({ id }) => id);

/** Waits until each of the ids is owned by exactly one of the platforms, and each platform has as many of them as is said. */
export async function ownedAs(
  counts: readonly (readonly [Platform, number])[],
  ids: readonly string[],
): Promise<string[][]> {
  const sorted = [...ids].sort().join();
  return pollFor(
    async () => counts.map(([platform]) => ownedBy(platform)),
    (owned) =>
      owned.flat().sort().join() === sorted && owned.every((mine, index) => mine.length === counts[index]?.[1]),
  );
}

/** The value of a metric without attributes. */
export async function metricOf(platform: Platform, name: string): Promise<number | undefined> {
  const point = (await platform.metrics.snapshot()).find((candidate) => candidate.name === name);
  return point?.value as number | undefined;
}
