import type {
  GlobalEvent,
  Journal,
  JournalEvent,
  ReadAllOptions,
  ReadOptions,
  Snapshot,
  SnapshotSelection,
  StoredEvent,
} from '../../src/runtime/journal.ts';

export type AppendFault =
  /** Rejects; nothing was stored. */
  | { readonly kind: 'reject'; readonly error?: unknown }
  /** Stores, then rejects: the caller cannot know. */
  | { readonly kind: 'reject-after-commit'; readonly error?: unknown }
  /** Settles only when `release` settles; then stores. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /** Another writer's event takes the place, then this append is rejected. */
  | { readonly kind: 'foreign-writer'; readonly event: JournalEvent };

/** A real journal with faults put in the way, each used once, in order. */
export class FaultyJournal implements Journal {
  readonly inner: Journal;
  readonly appends: { readonly key: string; readonly after: number; readonly count: number }[] = [];
  readonly appendFaults: AppendFault[] = [];
  /** Errors that the next reads throw before their first chunk. */
  readonly readErrors: unknown[] = [];
  /** Errors that the next reads throw after their first chunk. */
  readonly lateReadErrors: unknown[] = [];
  readonly snapshotErrors: unknown[] = [];
  /** Changes what a read yields: a corrupt stream. */
  corrupt: ((events: readonly StoredEvent[], key: string) => readonly StoredEvent[]) | undefined;
  /** Faults for as long as it answers with one. */
  alwaysOnAppend: ((key: string, events: readonly JournalEvent[]) => AppendFault | undefined) | undefined;
  beforeRead: (() => Promise<unknown>) | undefined;
  readonly savedSnapshots: { readonly key: string; readonly sequence: number }[] = [];
  readonly reads: { readonly key: string; readonly from: number | undefined }[] = [];

  constructor(inner: Journal) {
    this.inner = inner;
  }

  async append(key: string, after: number, events: readonly JournalEvent[]): Promise<void> {
    this.appends.push({ key, after, count: events.length });
    const fault = this.appendFaults.shift() ?? this.alwaysOnAppend?.(key, events);
    const error = new Error('injected append fault');
    switch (fault?.kind) {
      case undefined:
        return this.inner.append(key, after, events);
      case 'reject':
        throw fault.error ?? error;
      case 'reject-after-commit':
        await this.inner.append(key, after, events);
        throw fault.error ?? error;
      case 'hold':
        await fault.until;
        return this.inner.append(key, after, events);
      case 'foreign-writer':
        await this.inner.append(key, after, [fault.event]);
        throw error;
    }
  }

  async *read(key: string, options?: ReadOptions): AsyncGenerator<readonly StoredEvent[]> {
    this.reads.push({ key, from: options?.from });
    await this.beforeRead?.();
    if (this.readErrors.length > 0) throw this.readErrors.shift();
    for await (const chunk of this.inner.read(key, options)) {
      yield this.corrupt === undefined ? chunk : this.corrupt(chunk, key);
      if (this.lateReadErrors.length > 0) throw this.lateReadErrors.shift();
    }
  }

  async saveSnapshot(key: string, snapshot: Snapshot): Promise<void> {
    if (this.snapshotErrors.length > 0) throw this.snapshotErrors.shift();
    await this.inner.saveSnapshot(key, snapshot);
    this.savedSnapshots.push({ key, sequence: snapshot.sequence });
  }

  highestSequence(key: string): Promise<number> {
    return this.inner.highestSequence(key);
  }
  deleteEvents(key: string, to: number): Promise<void> {
    return this.inner.deleteEvents(key, to);
  }
  keys(): Promise<readonly string[]> {
    return this.inner.keys();
  }
  readAll(options?: ReadAllOptions): AsyncIterable<readonly GlobalEvent[]> {
    return this.inner.readAll(options);
  }
  onAppend(listener: () => void): () => void {
    return this.inner.onAppend(listener);
  }
  projectionOffset(name: string): Promise<number> {
    return this.inner.projectionOffset(name);
  }
  saveProjectionOffset(name: string, offset: number): Promise<void> {
    return this.inner.saveProjectionOffset(name, offset);
  }
  latestSnapshot(key: string, selection?: SnapshotSelection): Promise<Snapshot | undefined> {
    return this.inner.latestSnapshot(key, selection);
  }
  deleteSnapshots(key: string, selection?: SnapshotSelection): Promise<void> {
    return this.inner.deleteSnapshots(key, selection);
  }
  pruneSnapshots(key: string, keep: number): Promise<void> {
    return this.inner.pruneSnapshots(key, keep);
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}
