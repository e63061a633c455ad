import type { Journal } from '../runtime/journal.ts';
import { APPEND_CASES } from './journal-contract-append.ts';
import type { ContractCase } from './journal-contract-case.ts';
import { LIFE_CASES } from './journal-contract-life.ts';
import { READ_CASES } from './journal-contract-read.ts';
import { SNAPSHOT_CASES } from './journal-contract-snapshots.ts';

type TestBody = () => Promise<void>;

export interface JournalContractOptions {
  /** The title of the suite, for instance the journal's name. */
  readonly name: string;
  /** A new, empty journal for each case; the suite closes it. */
  create(): Journal | Promise<Journal>;
  /** Removes what `create` left behind; called after each case, when its journal is closed. */
  dispose?(): void | Promise<void>;
  /** Of jest, vitest or node:test. */
  readonly describe: (name: string, body: () => void) => unknown;
  readonly test: ((name: string, body: TestBody) => unknown) & { readonly skip?: unknown };
  /** Cases this journal does not meet: the case's name → the reason, which is shown. */
  readonly skip?: Readonly<Record<string, string>>;
}

const CASES: readonly ContractCase[] = [...APPEND_CASES, ...READ_CASES, ...SNAPSHOT_CASES, ...LIFE_CASES];

/** The names of all cases, for `skip`. */
export const JOURNAL_CONTRACT_CASES: readonly string[] = CASES.map(({ name }) => name);

/**
 * Registers the suite that every journal has to pass. It asserts with node:assert, so any runner will do.
 *
 * @example journalContract({ name: 'my journal', create: () => openMyJournal(), describe, test });
 */
export function journalContract(options: JournalContractOptions): void {
  const { name, create, dispose, describe, test, skip = {} } = options;
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
        const journal = await create();
        try {
          await run(journal);
        } finally {
          await journal.close();
          await dispose?.();
        }
      });
    }
  });
}
