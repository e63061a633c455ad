import pg from 'pg';
import { pollFor } from './poll.ts';
import type { PostgresServer } from './postgres.ts';

export interface StalledCommits {
  /** Resolves when a commit waits. */
  met(): Promise<void>;
  /** Lets those that wait end, and the next ones pass. */
  release(): Promise<void>;
  /** Resolves when none waits any more. */
  over(): Promise<void>;
  /** Releases, and leaves everything as it was. */
  end(): Promise<void>;
}

const LOCK = 4711;

/** From now on commits of events in this schema wait on the server, as on a slow disk or for a standby that is away. */
export async function stallCommits(server: PostgresServer, schema: string): Promise<StalledCommits> {
  const holder = new pg.Client({ connectionString: server.url() });
  await holder.connect();
  await holder.query(`SELECT pg_advisory_lock(${LOCK})`);
  // Deferred: it runs when the transaction commits.
  await holder.query(`
    CREATE OR REPLACE FUNCTION ${schema}.stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM pg_advisory_xact_lock_shared(${LOCK});
      RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER stalled AFTER INSERT ON ${schema}.events DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION ${schema}.stall()`);
  const waiting = (isEnough: (count: number) => boolean) =>
    pollFor(
      async () =>
        (
          await server.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCK}
            AND (mode = 'ShareLock' OR NOT granted)`)
        ).length,
      isEnough,
    );
  return {
    async met() {
      await waiting((count) => count > 0);
    },
    async over() {
      await waiting((count) => count === 0);
    },
    async release() {
      await holder.query(`SELECT pg_advisory_unlock(${LOCK})`);
    },
    async end() {
      await holder.query('SELECT pg_advisory_unlock_all()');
      await holder.query(`DROP TRIGGER stalled ON ${schema}.events`);
      await holder.end();
    },
  };
}
