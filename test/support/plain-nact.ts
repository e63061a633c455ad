import { createRequire } from 'node:module';

/**
 * nact as its documentation shows it, for the controls: a test that shows that plain nact falls into a trap is known to
 * be able to fail.
 */
// biome-ignore lint/suspicious/noExplicitAny: nact's own types lack what the controls need.
export const nact: any = createRequire(import.meta.url)('nact');

export interface PlainEvent {
  readonly key: string;
  readonly sequenceNumber: number;
  readonly data: unknown;
  readonly isDeleted: boolean;
}

export class PlainStore {
  readonly events: PlainEvent[] = [];
  readonly snapshots: { data: unknown; sequenceNumber: number; key: string }[] = [];
  onPersist: ((event: PlainEvent, commit: () => void) => Promise<void>) | undefined;
  onRead: (() => void) | undefined;

  engine() {
    return {
      latestSnapshot: async () => undefined,
      events: (key: string, sequence: number) => ({
        // biome-ignore lint/suspicious/noExplicitAny: the shape of an array's reduce.
        reduce: async (step: any, initial: any) => {
          this.onRead?.();
          return this.events.filter((e) => e.key === key && e.sequenceNumber > sequence).reduce(step, initial);
        },
      }),
      persist: async (event: PlainEvent) => {
        const commit = () => void this.events.push({ ...event });
        if (this.onPersist === undefined) commit();
        else await this.onPersist(event, commit);
      },
      takeSnapshot: async (snapshot: { data: unknown; sequenceNumber: number; key: string }) => {
        this.snapshots.push(snapshot);
      },
    };
  }

  get sequences(): number[] {
    return this.events.map(({ sequenceNumber }) => sequenceNumber);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: nact's own types lack what the controls need.
type Handler = (state: any, message: any, context: any) => unknown;

/** Stores each message and keeps a list of them as its state, as the examples of nact do. */
export const storing: Handler = async (state = [], message, context) => {
  if (!context.recovering) await context.persist(message);
  return [...state, message];
};

export function startPlain(store: PlainStore) {
  return nact.start(nact.configurePersistence(store.engine()));
}
