import type { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import {
  backupJournal,
  compactJournal,
  type ExportOptions,
  exportToNdjson,
  importFromNdjson,
  verifyJournal,
} from './journal.ts';
import type { Terminal } from './terminal.ts';

export function addJournalCommands(
  program: Command,
  globals: () => GlobalOptions,
  terminal: Terminal,
  finish: (code: number) => void,
): void {
  const journal = program.command('journal').description('care for the embedded journal');
  journal
    .command('verify')
    .description('examine the whole journal, and recover every pipeline of it on trial; say everything that is wrong')
    .action(async () => finish(await verifyJournal(globals(), terminal)));
  journal
    .command('backup')
    .description('copy the journal, also while pipelines run, to a file that is a journal.db again')
    .argument('<file>', 'where to write; must not be there yet')
    .action(async (file: string) => backupJournal(file, globals(), terminal));
  journal
    .command('compact')
    .description('give the room of deleted events back to the disk; no process may have the journal open')
    .action(async () => compactJournal(globals(), terminal));
  journal
    .command('export')
    .description('write events and snapshots as NDJSON, also while pipelines run')
    .option('--out <file>', 'where to write (default: the standard output)')
    .option('--force', 'overwrite a file that exists')
    .action(async (options: ExportOptions) => exportToNdjson(options, globals(), terminal));
  journal
    .command('import')
    .description('store what an export wrote; made again it does nothing, and what is there is never changed')
    .argument('<file>', 'the export; - is the standard input')
    .action(async (file: string) => importFromNdjson(file, globals(), terminal));
}
