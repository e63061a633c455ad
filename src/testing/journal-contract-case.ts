import assert from 'node:assert/strict';
import { codeOf, type ErrorCode } from '../errors.ts';
import type {
  GlobalEvent,
  Journal,
  JournalEvent,
  ReadAllOptions,
  ReadOptions,
  StoredEvent,
} from '../runtime/journal.ts';

export interface ContractCase {
  readonly name: string;
  run(journal: Journal): Promise<void>;
}

/** A case of what outlives a journal object. */
export interface ReopenCase {
  readonly name: string;
  /** `reopen` closes the journal that it is given, and gives the same one opened anew. */
  run(journal: Journal, reopen: (journal: Journal) => Promise<Journal>): Promise<void>;
}

export function event(number: number, tags: readonly string[] = ['contract']): JournalEvent {
  return {
    data: { type: 'Counted', number, nested: { list: [1, 'two', null, true] } },
    tags,
    timestamp: 1000 + number,
  };
}

/** Events with the numbers `from` to `to`. */
export function events(from: number, to: number): JournalEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index) => event(from + index));
}

/** What a journal is expected to give back for `events(from, to)` stored under the same sequence numbers. */
export function stored(from: number, to: number): StoredEvent[] {
  return events(from, to).map((item, index) => ({ ...item, sequence: from + index }));
}

export async function readAll(journal: Journal, key: string, options?: ReadOptions): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for await (const chunk of journal.read(key, options)) all.push(...chunk);
  return all;
}

export async function readGlobal(journal: Journal, options?: ReadAllOptions): Promise<GlobalEvent[]> {
  const all: GlobalEvent[] = [];
  for await (const chunk of journal.readAll(options)) all.push(...chunk);
  return all;
}

/** `key:sequence` of each, for comparing orders. */
export function places(all: readonly GlobalEvent[]): string[] {
  return all.map(({ key, sequence }) => `${key}:${sequence}`);
}

/** Turns of the event loop that happen while something is done. */
export async function countTurns(work: () => Promise<void>): Promise<number> {
  let turns = 0;
  let working = true;
  const count = (): void => {
    turns++;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  try {
    await work();
  } finally {
    working = false;
  }
  return turns;
}

/**
 * Deep equality of JSON values. Through text, because what comes from another thread or realm has other prototypes
 * than the suite's own literals where a test runner isolates its files, and strict equality compares those as well.
 */
export function assertSame(actual: unknown, expected: unknown): void {
  assert.deepEqual(JSON.parse(JSON.stringify(actual)), JSON.parse(JSON.stringify(expected)));
}

export async function assertRejectsWith(promise: Promise<unknown>, reason: unknown): Promise<void> {
  await assert.rejects(promise, (error) => error === reason);
}

export async function assertRejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.equal(codeOf(error), code);
    return true;
  });
}
