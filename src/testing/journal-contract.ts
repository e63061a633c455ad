import type { Journal } from '../runtime/journal.ts';
import { ALL_CASES } from './journal-contract-all.ts';
import { APPEND_CASES } from './journal-contract-append.ts';
import type { ContractCase, ReopenCase } from './journal-contract-case.ts';
import { LIFE_CASES } from './journal-contract-life.ts';
import { READ_CASES } from './journal-contract-read.ts';
import { REOPEN_CASES } from './journal-contract-reopen.ts';
import { SNAPSHOT_CASES } from './journal-contract-snapshots.ts';
import { WRITER_CASES } from './journal-contract-writers.ts';

type TestBody = () => Promise<void>;

export interface JournalContractOptions {
  /** The title of the suite, for instance the journal's name. */
  readonly name: string;
  /** A new, empty journal for each case; the suite closes it. */
  create(): Journal | Promise<Journal>;
  /** Opens the journal that `create` made last once more; it was closed before. Left out where nothing outlives it. */
  reopen?(): Journal | Promise<Journal>;
  /** Removes what `create` left behind; called after each case, when its journal is closed. */
  dispose?(): void | Promise<void>;
  /** Of jest, vitest or node:test. */
  readonly describe: (name: string, body: () => void) => unknown;
  readonly test: ((name: string, body: TestBody) => unknown) & { readonly skip?: unknown };
  /** Cases this journal does not meet: the case's name → the reason, which is shown. */
  readonly skip?: Readonly<Record<string, string>>;
}

const CASES: readonly (ContractCase | ReopenCase)[] = [
  ...APPEND_CASES,
  ...WRITER_CASES,
  ...READ_CASES,
  ...ALL_CASES,
  ...SNAPSHOT_CASES,
  ...LIFE_CASES,
  ...REOPEN_CASES,
];

const NOT_REOPENED = Object.fromEntries(REOPEN_CASES.map(({ name }) => [name, 'nothing outlives it']));

/** The names of all cases, for `skip`. */
export const JOURNAL_CONTRACT_CASES: readonly string[] = CASES.map(({ name }) => name);

/**
 * Registers the suite that every journal has to pass. It asserts with node:assert, so any runner will do.
 *
 * @example journalContract({ name: 'my journal', create: () => openMyJournal(), describe, test });
 */
export function journalContract(options: JournalContractOptions): void {
  const { name, create, reopen, dispose, describe, test } = options;
  const skip = { ...(reopen === undefined && NOT_REOPENED), ...options.skip };
  for (const unknown of Object.keys(skip)) {
    if (!JOURNAL_CONTRACT_CASES.includes(unknown)) {
      throw new TypeError(
        `The journal contract has no case "${unknown}"; its cases are: ${JOURNAL_CONTRACT_CASES.join(', ')}`,
      );
    }
  }
  describe(`journal contract: ${name}`, () => {
    for (const { name: title, run } of CASES) {
      const reason = skip[title];
      if (reason !== undefined) {
        if (typeof test.skip === 'function') test.skip(`${title} (skipped: ${reason})`, async () => {});
        continue;
      }
      test(title, async () => {
        let journal = await create();
        try {
          await run(journal, async (open) => {
            await open.close();
            journal = await reopen!();
            return journal;
          });
        } finally {
          await journal.close();
          await dispose?.();
        }
      });
    }
  });
}
