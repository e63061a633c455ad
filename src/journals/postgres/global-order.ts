/**
 * How far the order of the whole journal is complete.
 *
 * Ordinals come from a sequence, so a transaction may commit a smaller one after another has committed a greater one.
 * What was given is complete when every transaction that may have drawn one of them has ended:
 *
 * O1 An append locks the table of events (ROW EXCLUSIVE) before it draws its first ordinal, and until its commit can be seen.
 * O2 So, with the last ordinal that was drawn read first and the holders of that lock read after it, whoever drew one up
 *    to it is either among the holders or has ended; once those holders are gone too, nothing up to it is still to come.
 *
 * Transaction ids would do as well (everything below pg_snapshot_xmin is decided), but any long transaction of any
 * application on the server would hold that back, and ids begin anew when a dump is restored in another server.
 */
import { closedError } from '../journal-input.ts';
import type { Database } from './database.ts';
import { quoted } from './schema.ts';

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

export class GlobalOrder {
  readonly #database: Database;
  readonly #last: string;
  readonly #holders: string;

  constructor(database: Database, schema: string) {
    this.#database = database;
    this.#last = `SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM ${quoted(schema)}.ordinals`;
    this.#holders = `
      SELECT DISTINCT virtualtransaction AS id FROM pg_locks
      WHERE locktype = 'relation' AND granted AND mode = 'RowExclusiveLock'
        AND relation = '${quoted(schema)}.events'::regclass
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  }

  /**
   * An ordinal up to which nothing is still to come, and which includes every append that was resolved before the call.
   * Not above `after` when there is nothing new.
   */
  async completeTo(after: number, signal: AbortSignal | undefined): Promise<number> {
    const [row] = await this.#database.run(({ query }) => query(this.#last));
    const last = Number(row?.last);
    if (last <= after) return after;
    await this.allEnded(signal);
    return last;
  }

  /** Resolves when every append that was in progress at the call, whoever made it, has ended. */
  async allEnded(signal?: AbortSignal, limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    let pending = await this.#findHolders();
    let waitedMs = 0;
    for (let pauseMs = FIRST_PAUSE_MS; pending.size > 0; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      if (waitedMs > limitMs) throw new Error('An append from before is still in progress on the server');
      await this.#database.pause(pauseMs);
      waitedMs += pauseMs;
      signal?.throwIfAborted();
      if (this.#database.isClosed) throw closedError();
      const holders = await this.#findHolders();
      pending = new Set([...pending].filter((id) => holders.has(id)));
    }
  }

  async #findHolders(): Promise<Set<string>> {
    const rows = await this.#database.run(({ query }) => query(this.#holders));
    return new Set(rows.map(({ id }) => id ?? ''));
  }
}
