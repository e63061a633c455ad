import { DataflowError, type DataflowErrorOptions, type Problem } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { MAX_TIMER_MS } from '../../runtime/clock.ts';

export interface PostgresJournalOptions {
  /** postgres://user:password@host:5432/database, with what else the driver reads from it, such as `?sslmode=verify-full`. */
  readonly url: string;
  /** The schema that holds the tables; made if it is missing. Default: `dataflow`. */
  readonly schema?: string;
  /** Connections for reading, beside the two for writing; default 4, at least 1. */
  readonly maxReadConnections?: number;
  /** How long the server may work on one statement, and wait for a lock, in ms; default 30,000, at least 100. */
  readonly statementTimeoutMs?: number;
  /** How long one attempt to connect may take, and how long opening goes on trying, in ms; default 10,000, at least 100. */
  readonly connectTimeoutMs?: number;
  /** How long a call goes on trying while the server is away or restarts, in ms; default 30,000, at least 0. */
  readonly retryForMs?: number;
  /** Serialised events that may wait for the server before appends are refused, in bytes; default 64 MiB, at least 1 MiB. */
  readonly maxQueuedBytes?: number;
  /** True: only keys whose lease this journal holds are written; for processes that share the pipelines. Default: false. */
  readonly requireLeases?: boolean;
  /** True: nothing is made or changed, and the journal must be there. Default: false. */
  readonly readOnly?: boolean;
  /** Paces the attempts; default: the system's. */
  readonly clock?: Clock;
  /** Uniform in [0, 1); spreads the attempts. Default: Math.random. */
  readonly random?: () => number;
}

export type Settings = Required<PostgresJournalOptions>;

const MIB = 1024 * 1024;
/** An identifier of PostgreSQL is cut after 63 bytes. */
const SCHEMA = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

function isUrl(url: unknown): boolean {
  if (typeof url !== 'string' || !/^postgres(?:ql)?:\/\//.test(url)) return false;
  try {
    const { hash, search, pathname, host } = new URL(url);
    // A raw `#`, `?` or `/` in a password would end the host early, and what comes after it would be shown in errors.
    return hash === '' && !`${search}${pathname}${host}`.includes('@');
  } catch {
    return false;
  }
}

const isCount = (min: number, max = Number.MAX_SAFE_INTEGER) => {
  return (value: unknown) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
};

const CHECKS: readonly (readonly [
  name: 'schema' | 'maxReadConnections' | 'statementTimeoutMs' | 'connectTimeoutMs' | 'retryForMs' | 'maxQueuedBytes',
  isGood: (value: unknown) => boolean,
  expected: string,
])[] = [
  ['schema', (value) => typeof value === 'string' && SCHEMA.test(value), 'letters, digits and _, at most 63'],
  ['maxReadConnections', isCount(1, 1000), 'a whole number from 1 to 1000'],
  ['statementTimeoutMs', isCount(100, MAX_TIMER_MS - 10_000), 'ms, a whole number from 100 on'],
  ['connectTimeoutMs', isCount(100, MAX_TIMER_MS), 'ms, a whole number from 100 on'],
  ['retryForMs', isCount(0, MAX_TIMER_MS), 'ms, a whole number from 0 on'],
  ['maxQueuedBytes', isCount(MIB), `a whole number from ${MIB} on`],
];

/** The options, complete. @throws DATAFLOW_ERR_CONFIG_INVALID with every problem, never with the URL. */
export function checkOptions(options: PostgresJournalOptions, clock: Clock): Settings {
  const settings: Settings = {
    url: options.url,
    schema: options.schema ?? 'dataflow',
    maxReadConnections: options.maxReadConnections ?? 4,
    statementTimeoutMs: options.statementTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    retryForMs: options.retryForMs ?? 30_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 64 * MIB,
    requireLeases: options.requireLeases ?? false,
    readOnly: options.readOnly ?? false,
    clock: options.clock ?? clock,
    random: options.random ?? Math.random,
  };
  const problems: Problem[] = [];
  if (!isUrl(settings.url)) {
    problems.push({
      path: 'url',
      expected: 'postgres://user:password@host:port/database, the password percent-encoded',
      got: 'something else (hidden)',
    });
  }
  for (const [path, isGood, expected] of CHECKS) {
    if (!isGood(settings[path])) problems.push({ path, expected, got: JSON.stringify(settings[path]) ?? 'nothing' });
  }
  if (problems.length === 0) return settings;
  const list = problems.map(({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`).join('; ');
  const details: DataflowErrorOptions = { problems };
  throw new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', `The PostgreSQL journal cannot be opened: ${list}`, details);
}
