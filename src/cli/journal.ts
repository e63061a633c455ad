/**
 * What an operator does with a journal file. Verifying, copying and exporting only read, so they work while another
 * process runs the pipelines; compacting and importing need the journal for themselves.
 */
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { codeOf, DataflowError, messageOf } from '../errors.ts';
import type { EmbeddedJournal } from '../journals/embedded/journal.ts';
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../journals/embedded/open.ts';
import { exportJournal } from '../journals/export-journal.ts';
import { importJournal } from '../journals/import-journal.ts';
import { readState } from '../runtime/read-state.ts';
import { EXIT } from './failure.ts';
import type { GlobalOptions } from './global-options.ts';
import { readConfig } from './settings.ts';
import { formatCount, oneLine, type Terminal } from './terminal.ts';

const counted = (count: number, what: string): string => `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;

/** Tells each pipeline that is recovered from the journal on trial, then everything that is wrong. */
export async function verifyJournal(globals: GlobalOptions, terminal: Terminal): Promise<number> {
  const findings: string[] = [];
  let summary = '';
  try {
    await withEmbedded(globals, openEmbeddedJournalReadOnly, async (journal) => {
      const inspection = await journal.inspect();
      findings.push(...inspection.findings);
      for (const key of await journal.keys()) {
        try {
          const { state, sequence } = await readState(journal, key);
          terminal.out(`ok  ${oneLine(key)}  ${state.status}, ${counted(sequence, 'event')}\n`);
        } catch (error) {
          findings.push(messageOf(error));
        }
      }
      const { keys, events, snapshots } = inspection;
      summary = [counted(keys, 'pipeline'), counted(events, 'event'), counted(snapshots, 'snapshot')].join(', ');
    });
  } catch (error) {
    // Found at open already, by the check that every open makes.
    if (codeOf(error) !== 'DATAFLOW_ERR_JOURNAL_CORRUPT') throw error;
    findings.push(messageOf(error));
  }
  for (const finding of findings) terminal.out(`failed  ${oneLine(finding)}\n`);
  if (findings.length === 0) terminal.out(`\n${summary}: nothing is wrong\n`);
  else terminal.out(`\n${counted(findings.length, 'finding')}: restore the journal from a backup\n`);
  return findings.length === 0 ? EXIT.done : EXIT.failed;
}

export async function compactJournal(globals: GlobalOptions, terminal: Terminal): Promise<void> {
  await withEmbedded(globals, openExisting, async (journal) => {
    const { before, after } = await journal.compact();
    terminal.out(`compacted  ${counted(before, 'byte')} → ${counted(after, 'byte')}\n`);
  });
}

export async function backupJournal(file: string, globals: GlobalOptions, terminal: Terminal): Promise<void> {
  await withEmbedded(globals, openEmbeddedJournalReadOnly, async (journal) => {
    const bytes = await journal.backup(file);
    terminal.out(`wrote  ${file}  (${counted(bytes, 'byte')})\n`);
  });
}

export interface ExportOptions {
  readonly out?: string;
  readonly force?: boolean;
}

export async function exportToNdjson(
  options: ExportOptions,
  globals: GlobalOptions,
  terminal: Terminal,
): Promise<void> {
  const { out: file } = options;
  await withEmbedded(globals, openEmbeddedJournalReadOnly, async (journal) => {
    if (file === undefined) return write(exportJournal(journal), process.stdout);
    if (options.force !== true && existsSync(file)) {
      throw new DataflowError(
        'DATAFLOW_ERR_OUTPUT_EXISTS',
        `${file} exists; overwrite it with --force, or name another`,
        {
          details: { file },
        },
      );
    }
    await writeFileWhole(file, exportJournal(journal));
    terminal.out(`wrote  ${file}\n`);
  });
}

/** @param file `-`: the standard input */
export async function importFromNdjson(file: string, globals: GlobalOptions, terminal: Terminal): Promise<void> {
  const input = await inputOf(file);
  try {
    await withEmbedded(globals, openEmbeddedJournal, async (journal) => {
      const { keys, events, eventsBefore, snapshots } = await importJournal(journal, input);
      const before = eventsBefore === 0 ? '' : `, ${formatCount(eventsBefore)} were there already`;
      const what = [counted(events, 'event'), counted(snapshots, 'snapshot')].join(', ');
      terminal.out(`imported  ${what} of ${counted(keys, 'pipeline')}${before}\n`);
    });
  } finally {
    input.destroy();
  }
}

async function inputOf(file: string): Promise<Readable> {
  if (file === '-') return process.stdin;
  try {
    const handle = await open(file);
    return createReadStream('', { fd: handle });
  } catch (cause) {
    const message = `Cannot read ${file}: ${messageOf(cause)}; name a file that \`dataflow journal export\` wrote, or - for the standard input`;
    throw new DataflowError('DATAFLOW_ERR_IMPORT_INVALID', message, { cause, details: { file } });
  }
}

async function writeFileWhole(file: string, lines: AsyncIterable<string>): Promise<void> {
  const draft = `${file}.draft`;
  try {
    await write(lines, createWriteStream(draft, { flush: true }));
    await rename(draft, file);
  } catch (cause) {
    await rm(draft, { force: true });
    if (codeOf(cause)?.startsWith('DATAFLOW_ERR_')) throw cause;
    const message = `Cannot write ${file}: ${messageOf(cause)}; name a file in a directory that this user can write`;
    throw new DataflowError('DATAFLOW_ERR_OUTPUT_UNWRITABLE', message, { cause, details: { file } });
  }
}

async function write(lines: AsyncIterable<string>, output: Writable): Promise<void> {
  // The standard output stays open for what else is to be said.
  await pipeline(Readable.from(lines), output, { end: output !== process.stdout });
}

async function openExisting({ path }: { readonly path: string }): Promise<EmbeddedJournal> {
  // Says where there is none, which opening it for writing would make.
  await (await openEmbeddedJournalReadOnly({ path })).close();
  return openEmbeddedJournal({ path });
}

async function withEmbedded(
  globals: GlobalOptions,
  openJournal: (options: { readonly path: string }) => Promise<EmbeddedJournal>,
  work: (journal: EmbeddedJournal) => Promise<void>,
): Promise<void> {
  const { kind, path } = (await readConfig(globals)).journal;
  if (kind !== 'embedded') {
    throw new DataflowError(
      'DATAFLOW_ERR_CLI_USAGE',
      `the journal is of kind ${kind}, and this command is about embedded ones: name the directory of one with -j`,
    );
  }
  const journal = await openJournal({ path });
  try {
    await work(journal);
  } finally {
    await journal.close();
  }
}
