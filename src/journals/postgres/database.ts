/**
 * Owns: the connections. Two append; a bounded pool reads, and does whatever else does not append; leases have two of
 * their own, since a renewal must not wait for readers, nor for an acquisition that waits for a lock.
 *
 * D1 Every statement runs inside a transaction whose limits are set for it alone; no session keeps a state, so a
 *    pooler in transaction mode may give each transaction another server connection.
 * D2 A transaction is never left open: the server ends one that idles, be its client frozen or its connection cut.
 * D3 A connection on which anything but a refusal by the server happened is thrown away.
 * D4 COMMIT counts only when the server says COMMIT; anything else is an unknown outcome for the caller to resolve.
 */
import { backoffMs } from '../../domain/retry.ts';
import type { RetryPolicy } from '../../domain/spec.ts';
import { closedError } from '../journal-input.ts';
import type { Client, Driver, Pool } from './driver.ts';
import type { Settings } from './options.ts';
import { isDataflowError, isTransient, stateOf } from './postgres-errors.ts';

const BACKOFF: RetryPolicy = { maxRetries: 0, initialMs: 20, maxMs: 1000, jitter: 0.3 };
/** A frozen process holds its locks no longer than this, which is less than leases last. */
const MAX_IDLE_MS = 5000;
/** Beyond the server's own limit, for a server that no longer answers. */
const ANSWER_MARGIN_MS = 5000;

/** While the server stores what came on one, this process makes the batch for the other. */
export const APPENDING = 2;
/** One may wait for a lock while the other renews. */
const COORDINATING = 2;

/** Every value as the text that the server sent: parsers that an application sets for all of the driver do not reach us. */
const AS_TEXT = { getTypeParser: () => (text: string) => text };

export type Row = Record<string, string | null>;

/** One open transaction. */
export interface Transaction {
  query(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

export class Database {
  readonly #settings: Settings;
  readonly #appending: Pool;
  readonly #reading: Pool;
  readonly #coordinating: Pool;
  readonly #waiting = new Set<() => void>();
  readonly #begin: string;
  #closed = false;

  constructor(driver: Driver, settings: Settings) {
    this.#settings = settings;
    const { statementTimeoutMs, connectTimeoutMs } = settings;
    const config = {
      connectionString: settings.url,
      application_name: 'dataflow-platform',
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: statementTimeoutMs + ANSWER_MARGIN_MS,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      pipeline: true,
      types: AS_TEXT,
    };
    this.#appending = new driver.Pool({ ...config, max: APPENDING });
    this.#reading = new driver.Pool({ ...config, max: settings.maxReadConnections });
    this.#coordinating = new driver.Pool({ ...config, max: COORDINATING });
    // A connection that fails while nobody uses it is replaced by the next call.
    for (const pool of this.#pools) pool.on('error', () => {});
    const idleMs = Math.min(statementTimeoutMs, MAX_IDLE_MS);
    const settingsOfTransaction = [
      `set_config('statement_timeout', '${statementTimeoutMs}', true)`,
      `set_config('lock_timeout', '${statementTimeoutMs}', true)`,
      `set_config('idle_in_transaction_session_timeout', '${idleMs}', true)`,
      // An acknowledged event is durable whatever the database's default is.
      "set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), true)",
    ];
    this.#begin = `BEGIN; SELECT ${settingsOfTransaction.join(', ')}`;
  }

  get #pools(): readonly Pool[] {
    return [this.#appending, this.#reading, this.#coordinating];
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * On one of the connections that append, in one trip to the server and back: `work` sends every statement before it
   * waits for any, and the COMMIT goes with them. Tries once.
   */
  append<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#transaction(this.#appending, work, true);
  }

  /** On one of the others, tried again until `retryForMs` have passed; `work` must bear being run more than once. */
  run<T>(work: (transaction: Transaction) => Promise<T>, retryForMs?: number): Promise<T> {
    return this.#runOn(this.#reading, work, retryForMs);
  }

  /** The same on the connections of leases. */
  coordinate<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#runOn(this.#coordinating, work);
  }

  #runOn<T>(
    pool: Pool,
    work: (transaction: Transaction) => Promise<T>,
    retryForMs?: number,
    isOneTrip = false,
  ): Promise<T> {
    return this.retrying(() => {
      if (this.#closed) throw closedError();
      return this.#transaction(pool, work, isOneTrip);
    }, retryForMs);
  }

  /** As `run`, in one trip like `append`. */
  read<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#runOn(this.#reading, work, undefined, true);
  }

  /** Tries again, with growing pauses, what failed for a reason that passes. */
  async retrying<T>(attempt: () => Promise<T>, retryForMs = this.#settings.retryForMs): Promise<T> {
    const { clock, random } = this.#settings;
    const until = clock.monotonic() + retryForMs;
    for (let tries = 0; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        const pauseMs = backoffMs(BACKOFF, tries, random());
        if (!isTransient(error) || clock.monotonic() + pauseMs > until) throw error;
        await this.pause(pauseMs);
      }
    }
  }

  /** Ends early when the journal closes. */
  async pause(ms: number): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        timer.cancel();
        this.#waiting.delete(done);
        resolve();
      };
      const timer = this.#settings.clock.setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting) wake();
    await Promise.all(this.#pools.map((pool) => pool.end()));
  }

  async #transaction<T>(pool: Pool, work: (transaction: Transaction) => Promise<T>, isOneTrip = false): Promise<T> {
    const client = await pool.connect();
    const onError = () => {};
    // Between two statements nobody else listens, and an unheard error would end the process.
    client.on('error', onError);
    let isBroken = true;
    try {
      // Not awaited: the first statement travels with it.
      const begun = client.query(this.#begin);
      begun.catch(() => {});
      const working = work({ query: async (sql, values) => (await client.query(sql, values as unknown[])).rows });
      // After a statement that was refused it rolls back, and nobody asks it.
      const ended = isOneTrip ? client.query('COMMIT') : undefined;
      ended?.catch(() => {});
      const result = await working;
      await begun;
      const { command } = await (ended ?? client.query('COMMIT'));
      if (command !== 'COMMIT') throw new Error('The transaction was terminated by the server');
      isBroken = false;
      return result;
    } catch (error) {
      isBroken = !(await rolledBack(client, error));
      throw error;
    } finally {
      client.off('error', onError);
      client.release(isBroken);
    }
  }
}

async function rolledBack(client: Client, error: unknown): Promise<boolean> {
  const isRefusal =
    isDataflowError(error) || (stateOf(error) !== undefined && !/^(?:08|57P|25P)/.test(stateOf(error)!));
  if (!isRefusal) return false;
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}
