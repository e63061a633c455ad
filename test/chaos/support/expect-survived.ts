import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { openEmbeddedJournal } from '../../../src/journals/embedded/open.ts';
import type { Journal } from '../../../src/runtime/journal.ts';
import { eventAt } from './deterministic-events.mjs';
import { integrityOf } from './journal-checks.ts';

/** What writer-child.mjs was told is durable, each by key: the highest number. */
export class Acknowledgements {
  readonly appended = new Map<string, number>();
  readonly deleted = new Map<string, number>();
  readonly snapshot = new Map<string, number>();

  /** Whole lines of its file. */
  take(text: string): void {
    for (const [, what, key, sequence] of text.matchAll(/^(\w+) (\S+) (\d+)\n/gm)) {
      const known = what === 'append' ? this.appended : what === 'delete' ? this.deleted : this.snapshot;
      known.set(key as string, Number(sequence));
    }
  }
}

/** What was acknowledged and is not there (`lost`), and what must not be there whatever happened (`broken`). */
interface Findings {
  readonly lost: string[];
  readonly broken: string[];
}

/** Opens an embedded journal as the product does after a crash, and looks at it and its file. */
export async function inspect(path: string, bytes: number, acknowledged: Acknowledgements): Promise<Findings> {
  if (acknowledged.appended.size > 0 && !existsSync(join(path, 'journal.db'))) {
    return { lost: ['the journal'], broken: [] };
  }
  const journal = await openEmbeddedJournal({ path });
  const { lost, broken } = await inspectEvents(journal, bytes, acknowledged).finally(() => journal.close());
  if (!isDeepStrictEqual(integrityOf(path), 'ok')) broken.push(`integrity_check: ${integrityOf(path)}`);
  return { lost, broken };
}

/** Looks at every key of a journal that writer-child.mjs has written. */
export async function inspectEvents(
  journal: Journal,
  bytes: number,
  acknowledged: Acknowledgements,
): Promise<Findings> {
  const lost: string[] = [];
  const broken: string[] = [];
  const keys = await journal.keys();
  for (const key of new Set([...keys, ...acknowledged.appended.keys()])) {
    const highest = await journal.highestSequence(key);
    const wanted = acknowledged.appended.get(key) ?? 0;
    if (highest < wanted) lost.push(`${key}: ${wanted} was acknowledged, ${highest} is the last`);
    const deleted = acknowledged.deleted.get(key) ?? 0;
    let next: number | undefined;
    for await (const chunk of journal.read(key)) {
      for (const { sequence, writer: _, ...event } of chunk) {
        // The first may come later than asked: a deletion that was not answered may have happened.
        next ??= key === 'key-0' ? sequence : 1;
        if (sequence <= deleted) lost.push(`${key}: the deletion of ${sequence}`);
        if (sequence !== next) broken.push(`${key}: ${sequence} where ${next} is due`);
        if (!isDeepStrictEqual(event, eventAt(key, sequence, bytes)))
          broken.push(`${key}: ${sequence} is not what was appended`);
        next = sequence + 1;
      }
    }
    if (next !== undefined && next !== highest + 1)
      broken.push(`${key}: the highest is ${highest}, the last event ${next - 1}`);
    const snapshot = (await journal.latestSnapshot(key))?.sequence ?? 0;
    if (snapshot < (acknowledged.snapshot.get(key) ?? 0)) lost.push(`${key}: the snapshot after ${snapshot}`);
    if (snapshot > highest) broken.push(`${key}: a snapshot of ${snapshot} without its events`);
  }
  return { lost, broken };
}
