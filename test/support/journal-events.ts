import type { GlobalEvent, Journal, JournalEvent, ReadAllOptions, StoredEvent } from '../../src/runtime/journal.ts';

export function event(number: number, text = 'event'): JournalEvent {
  return { data: { number, text }, tags: ['test'], timestamp: 1000 + number };
}

export function events(from: number, to: number, text?: string): JournalEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index) => event(from + index, text));
}

export async function readKey(journal: Journal, key: string): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for await (const chunk of journal.read(key)) all.push(...chunk);
  return all;
}

export async function readEverything(journal: Journal, options?: ReadAllOptions): Promise<GlobalEvent[]> {
  const all: GlobalEvent[] = [];
  for await (const chunk of journal.readAll(options)) all.push(...chunk);
  return all;
}
