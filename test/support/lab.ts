import type { PipelineCommand } from '../../src/domain/command.ts';
import type { PipelineEvent } from '../../src/domain/event.ts';
import { evolve } from '../../src/domain/evolve.ts';
import type { PipelineConfig } from '../../src/domain/spec.ts';
import { initialState, type PipelineState } from '../../src/domain/state.ts';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import type { PipelineRecorder } from '../../src/metrics/recorder.ts';
import type { ActorObserver } from '../../src/runtime/actor-observer.ts';
import type {
  PipelineConnectors,
  Sink,
  SinkLease,
  Source,
  Transform,
  WriteContext,
} from '../../src/runtime/connector.ts';
import type { RuntimeLimits } from '../../src/runtime/environment.ts';
import type { StoredEvent } from '../../src/runtime/journal.ts';
import type { BatchPayload } from '../../src/runtime/mailbox.ts';
import type { PipelineActor } from '../../src/runtime/pipeline-actor.ts';
import { PipelineRuntime } from '../../src/runtime/runtime.ts';
import { createManualClock, type ManualClock, settle } from '../../src/testing/manual-clock.ts';
import { FaultyJournal } from './faulty-journal.ts';

export const CONFIG: PipelineConfig = {
  source: { type: 'push', connectionString: 'push', batchSize: 10, pollIntervalMs: 0, options: {} },
  transforms: [],
  sink: { type: 'memory', connectionString: 'memory', batchSize: 1000, options: {} },
  retry: { maxRetries: 5, initialMs: 1000, maxMs: 30_000, jitter: 0 },
  batchTimeoutMs: 300_000,
  operationTimeoutMs: 30_000,
  onInterrupt: 'finish',
};

export function createCommand(id: string, config: Partial<PipelineConfig> = {}): PipelineCommand {
  return { type: 'CreatePipeline', id, name: id, description: '', config: { ...CONFIG, ...config } };
}

export interface Deferred<T = void> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Keeps what is written, and counts writers that overlap. */
export class MemorySink implements Sink {
  readonly written: { readonly batchId: string; readonly attempt: number; readonly records: readonly unknown[] }[] = [];
  /** Called for each write; what it throws fails the write. */
  onWrite: ((context: WriteContext) => Promise<void> | void) | undefined;
  writers = 0;
  mostWriters = 0;
  opened = 0;
  closed = 0;

  async open(): Promise<void> {
    this.opened += 1;
  }

  async write(records: readonly unknown[], context: WriteContext): Promise<void> {
    this.writers += 1;
    this.mostWriters = Math.max(this.mostWriters, this.writers);
    try {
      await this.onWrite?.(context);
      this.written.push({ batchId: context.batchId, attempt: context.attempt, records });
    } finally {
      this.writers -= 1;
    }
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  get batchIds(): string[] {
    return this.written.map(({ batchId }) => batchId);
  }
}

/** Yields `total` records from the checkpoint's offset on; `onRead` may throw or wait before a batch. */
export function countingSource(total: number, onRead?: (offset: number) => Promise<void> | void): Source {
  return {
    async *read(checkpoint, { batchSize }) {
      for (let offset = Number(checkpoint.offset); offset < total; offset += batchSize) {
        await onRead?.(offset);
        const count = Math.min(batchSize, total - offset);
        yield { records: Array.from({ length: count }, (_, index) => offset + index) };
      }
    },
  };
}

/** Counts what it is told, as a metrics backend would. */
export class CountingRecorder implements PipelineRecorder {
  readonly events: PipelineEvent[] = [];
  readonly restored: [string, string][] = [];
  readonly released: string[] = [];
  readonly removed: string[] = [];
  readonly inflight: number[] = [];
  deduplicated = 0;
  replayed = 0;
  recoveries = 0;
  appends = 0;

  record(event: PipelineEvent): void {
    this.events.push(event);
  }
  restore(pipelineId: string, state: PipelineState): void {
    this.restored.push([pipelineId, state.status]);
  }
  release(pipelineId: string): void {
    this.released.push(pipelineId);
  }
  remove(pipelineId: string): void {
    this.removed.push(pipelineId);
  }
  batchesInflight(_pipelineId: string, count: number): void {
    this.inflight.push(count);
  }
  batchDeduplicated(): void {
    this.deduplicated += 1;
  }
  sourceLag(): void {}
  recovered(_durationSeconds: number, eventsReplayed: number): void {
    this.recoveries += 1;
    this.replayed += eventsReplayed;
  }
  appended(): void {
    this.appends += 1;
  }
  types(): string[] {
    return this.events.map(({ type }) => type);
  }
}

export interface LabOptions {
  readonly journal?: FaultyJournal;
  readonly clock?: ManualClock;
  readonly limits?: Partial<RuntimeLimits>;
  /** Per key; default: push source and `lab.sink`. */
  readonly connectors?: (key: string) => Partial<PipelineConnectors> | Promise<Partial<PipelineConnectors>>;
  readonly transforms?: readonly Transform[];
  readonly recorder?: PipelineRecorder;
  readonly observer?: ActorObserver;
  readonly leaseOf?: (key: string) => SinkLease | undefined;
}

/** A real runtime on a memory journal with faults, a manual clock, and everything it did on record. */
export class Lab {
  readonly journal: FaultyJournal;
  readonly clock: ManualClock;
  readonly recorder = new CountingRecorder();
  readonly sink = new MemorySink();
  readonly warnings: { message: string; error: unknown }[] = [];
  readonly runtime: PipelineRuntime;

  constructor(options: LabOptions = {}) {
    this.journal = options.journal ?? new FaultyJournal(createMemoryJournal());
    this.clock = options.clock ?? createManualClock();
    this.runtime = new PipelineRuntime({
      journal: this.journal,
      clock: this.clock,
      random: () => 0.5,
      recorder: options.recorder ?? this.recorder,
      observer: options.observer,
      ...(options.leaseOf && { leaseOf: options.leaseOf }),
      limits: {
        mailboxLimit: 1000,
        prefetchBatches: 2,
        snapshots: { every: 100, keep: 2, deleteEvents: false },
        ...options.limits,
      },
      connect: async (key) => ({
        source: undefined,
        transforms: options.transforms ?? [],
        sink: this.sink,
        deadLetter: undefined,
        ...(await options.connectors?.(key)),
      }),
      warn: (message, error) => this.warnings.push({ message, error }),
    });
  }

  /** A pipeline that is created and running. */
  async running(key: string, config: Partial<PipelineConfig> = {}): Promise<PipelineActor> {
    const actor = this.runtime.spawn(key);
    const created = actor.send(createCommand(key, config));
    const started = actor.send({ type: 'StartPipeline' });
    await settle();
    await Promise.all([created, started]);
    return actor;
  }

  /** A new process on the same journal. What the old one still held is gone; it is not stopped. */
  next(options: Omit<LabOptions, 'journal' | 'clock'> = {}): Lab {
    return new Lab({ ...options, journal: new FaultyJournal(this.journal.inner), clock: createManualClock() });
  }

  async stored(key: string): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    for await (const chunk of this.journal.inner.read(key)) events.push(...chunk);
    return events;
  }

  async storedTypes(key: string): Promise<string[]> {
    return (await this.stored(key)).map(({ data }) => String(data.type));
  }

  /** The state that the journal alone leads to. */
  async replayed(key: string): Promise<PipelineState> {
    return (await this.stored(key)).map(({ data }) => data as unknown as PipelineEvent).reduce(evolve, initialState());
  }

  async stop(): Promise<void> {
    const stopped = this.runtime.stopAll(1000);
    await settle();
    await this.clock.advance(120_000);
    await stopped;
  }
}

export function payload(batchId: string, records: readonly unknown[] = [1, 2, 3], more: Partial<BatchPayload> = {}) {
  const whole: BatchPayload = {
    batchId,
    records,
    rejected: [],
    sourceOffset: 0,
    nextOffset: undefined,
    position: undefined,
    runInContext: (work) => work(),
    ...more,
  };
  return whole;
}

/** Sends a batch as a caller does. */
export function ingest(actor: PipelineActor, batchId: string, records: readonly unknown[] = [1, 2, 3]) {
  const recordCount = records.length;
  return actor.send({ type: 'IngestBatch', batchId, recordCount, sourceOffset: 0 }, payload(batchId, records));
}

export function coded(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

/** As the journal and the outside see a state. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** What has become of it by now: 'pending', 'resolved', or the code or message of the rejection. */
export async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  let outcome = 'pending';
  promise.then(
    () => {
      outcome = 'resolved';
    },
    (error: { code?: string; message: string }) => {
      outcome = error.code ?? error.message;
    },
  );
  await settle();
  return outcome;
}
