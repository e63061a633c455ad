/** Platforms of one process that share a PostgreSQL journal as if they were several. */
import type { Platform } from '../../src/platform/platform.ts';
import { type PlatformOptions, startPlatform } from '../../src/platform/start.ts';
import { pollFor } from './poll.ts';

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
