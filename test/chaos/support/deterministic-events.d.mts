import type { JournalEvent } from '../../../src/runtime/journal.ts';

/** `bytes`: about the length of its text. */
export function eventAt(key: string, sequence: number, bytes: number): JournalEvent;
