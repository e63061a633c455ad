/**
 * Owns: the way of exported lines into a journal. Goes through the port alone, so any journal will do.
 *
 * R1 What is there already, and equal, is passed over: an import that was interrupted is simply made again.
 * R2 Nothing that is there is changed: what differs is refused, with its line; what came before it stays.
 * R3 Memory holds one batch of lines, whatever the length of the whole.
 */
import { codeOf, DataflowError, type Problem } from '../errors.ts';
import type { Journal, JournalEvent } from '../runtime/journal.ts';
import { invalidLine, type Line, parseLine, splitLines } from './ndjson.ts';

export interface ImportResult {
  /** Pipelines that the lines speak of. */
  readonly keys: number;
  /** Events stored. */
  readonly events: number;
  /** Events that were there. */
  readonly eventsBefore: number;
  readonly snapshots: number;
}

type LineOf<T extends Line['type']> = Extract<Line, { type: T }>;
type NumberedEvent = LineOf<'event'> & { readonly line: number };

const BATCH_EVENTS = 1000;
/** UTF-16 units. */
const BATCH_SIZE = 4 * 1024 * 1024;

/** Stands for an event that was deleted, until it is deleted here as well. */
const FILLER: JournalEvent = { data: { type: 'dataflow.deleted' }, tags: [], timestamp: 0 };

class Import {
  readonly #journal: Journal;
  /** The highest sequence number of each key, as the import has left it. */
  readonly #highest = new Map<string, number>();
  #batch: NumberedEvent[] = [];
  #batchSize = 0;
  events = 0;
  eventsBefore = 0;
  snapshots = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  get keys(): number {
    return this.#highest.size;
  }

  async add(line: Line, number: number, size: number): Promise<void> {
    switch (line.type) {
      case 'journal':
        if (number > 1) throw invalidLine(number, 'one header, on the first line', 'another');
        return;
      case 'event':
        this.#batch.push({ ...line, line: number });
        this.#batchSize += size;
        if (this.#batch.length >= BATCH_EVENTS || this.#batchSize >= BATCH_SIZE) await this.flush();
        return;
      case 'deleted':
        await this.flush();
        await this.#delete(line, number);
        return;
      case 'snapshot':
        await this.flush();
        await this.#save(line, number);
        return;
    }
  }

  /** One append a key; the journal puts them into one commit where it can. */
  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchSize = 0;
    const keys = groupByKey(batch);
    const outcomes = await Promise.all([...keys].map(([key, events]) => this.#append(key, events)));
    const problems = outcomes.flat().sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    if (problems.length > 0) throw conflicts(problems);
  }

  async #append(key: string, events: readonly NumberedEvent[]): Promise<readonly Problem[]> {
    const highest = await this.#highestOf(key);
    const [first] = events;
    for (const [index, { sequence, line }] of events.entries()) {
      const expected = first!.sequence + index;
      if (sequence !== expected) throw invalidLine(line, `event ${expected} of ${key}`, `event ${sequence}`);
    }
    const after = first!.sequence - 1;
    const items = events.map(({ data, tags, timestamp, metadata }) =>
      metadata === undefined ? { data, tags, timestamp } : { data, tags, timestamp, metadata },
    );
    try {
      await this.#journal.append(key, after, items);
    } catch (error) {
      if (codeOf(error) !== 'DATAFLOW_ERR_JOURNAL_CONFLICT') throw error;
      const { sequence } = (error as DataflowError).details;
      const at = events.find((event) => event.sequence === sequence) ?? first!;
      return [
        conflict(
          at.line,
          `event ${at.sequence} of ${key}`,
          highest >= at.sequence ? 'another event' : `a journal that ends at ${highest}`,
        ),
      ];
    }
    const last = after + items.length;
    const stored = Math.max(0, last - Math.max(highest, after));
    this.events += stored;
    this.eventsBefore += items.length - stored;
    this.#highest.set(key, Math.max(highest, last));
    return [];
  }

  /** Leaves a key as if its events up to a number had been there and were deleted. */
  async #delete({ key, to }: LineOf<'deleted'>, number: number): Promise<void> {
    let highest = await this.#highestOf(key);
    for await (const chunk of this.#journal.read(key, { to })) {
      // Left by an import that was interrupted.
      if (chunk.every(({ data }) => data.type === FILLER.data.type)) continue;
      if (highest >= to) return;
      throw conflicts([conflict(number, `no events of ${key} before ${to + 1}`, `a journal that ends at ${highest}`)]);
    }
    if (highest > 0) await this.#journal.deleteEvents(key, Math.min(highest, to));
    while (highest < to) {
      const count = Math.min(BATCH_EVENTS, to - highest);
      await this.#journal.append(key, highest, new Array<JournalEvent>(count).fill(FILLER));
      highest += count;
      await this.#journal.deleteEvents(key, highest);
      this.#highest.set(key, highest);
    }
  }

  async #save({ key, sequence, state, timestamp }: LineOf<'snapshot'>, number: number): Promise<void> {
    const highest = await this.#highestOf(key);
    if (sequence > highest) throw invalidLine(number, `a snapshot of at most event ${highest}`, `one of ${sequence}`);
    const there = await this.#journal.latestSnapshot(key, { maxSequence: sequence });
    if (there?.sequence === sequence) {
      // Through text, because what comes from another thread may have other prototypes.
      if (JSON.stringify(there.state) === JSON.stringify(state)) return;
      throw conflicts([conflict(number, `the snapshot of ${key} at ${sequence}`, 'another state')]);
    }
    await this.#journal.saveSnapshot(key, { sequence, state, timestamp });
    this.snapshots++;
  }

  async #highestOf(key: string): Promise<number> {
    const known = this.#highest.get(key);
    if (known !== undefined) return known;
    const highest = await this.#journal.highestSequence(key);
    this.#highest.set(key, highest);
    return highest;
  }
}

function groupByKey(batch: readonly NumberedEvent[]): Map<string, NumberedEvent[]> {
  const groups = new Map<string, NumberedEvent[]>();
  for (const event of batch) {
    const group = groups.get(event.key);
    if (group === undefined) groups.set(event.key, [event]);
    else group.push(event);
  }
  return groups;
}

function conflict(line: number, expected: string, got: string): Problem {
  return { path: `line ${line}`, expected: `${expected} as it is in the import`, got: `${got} in the journal`, line };
}

function conflicts(problems: readonly Problem[]): DataflowError {
  const list = problems.map(({ line, expected, got }) => `line ${line}: expected ${expected}, got ${got}`).join('; ');
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_CONFLICT',
    `The journal holds something else than the import; import into an empty journal (${list})`,
    { problems, details: { lines: problems.map(({ line }) => line) } },
  );
}

/**
 * Stores what `exportJournal` wrote: an empty journal then holds the same, at offsets of its own. Made again it does
 * nothing.
 *
 * Rejects with DATAFLOW_ERR_IMPORT_INVALID for a line that is none, with DATAFLOW_ERR_JOURNAL_CONFLICT (`details.lines`)
 * where the journal holds something else, and as the journal does.
 */
export async function importJournal(journal: Journal, input: AsyncIterable<Uint8Array>): Promise<ImportResult> {
  const target = new Import(journal);
  let number = 0;
  for await (const text of splitLines(input)) {
    number++;
    const line = parseLine(text, number);
    if (number === 1 && line.type !== 'journal') {
      throw invalidLine(1, 'the header of an export', `a line of type ${line.type}`);
    }
    await target.add(line, number, text.length);
  }
  if (number === 0) throw invalidLine(1, 'the header of an export', 'nothing');
  await target.flush();
  const { keys, events, eventsBefore, snapshots } = target;
  return { keys, events, eventsBefore, snapshots };
}
