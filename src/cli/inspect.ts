/**
 * Looking into a journal without owning it: works while another process runs the pipelines.
 */
import { redact } from '../config/redact.ts';
import type { PipelineState } from '../domain/state.ts';
import { DataflowError } from '../errors.ts';
import { openJournalReadOnly } from '../platform/open-journal.ts';
import type { Journal } from '../runtime/journal.ts';
import { readState } from '../runtime/read-state.ts';
import type { GlobalOptions } from './global-options.ts';
import { readConfig } from './settings.ts';
import { formatCount, oneLine, renderTable, type Terminal } from './terminal.ts';

export async function printList(
  globals: GlobalOptions,
  options: { json?: boolean },
  terminal: Terminal,
): Promise<void> {
  await withJournal(globals, async (journal) => {
    const rows: { id: string; state: Exclude<PipelineState, { status: 'empty' }>; sequence: number }[] = [];
    for (const id of await journal.keys()) {
      const { state, sequence } = await readState(journal, id);
      if (state.status !== 'empty') rows.push({ id, state, sequence });
    }
    if (options.json === true) {
      for (const { id, state, sequence } of rows) {
        const { name, status, checkpoint, metrics } = state;
        terminal.out(`${JSON.stringify({ id, name, status, events: sequence, checkpoint, metrics })}\n`);
      }
      return;
    }
    terminal.out(
      renderTable(
        [
          { title: 'pipeline', value: (row) => row.id },
          { title: 'state', value: (row) => row.state.status },
          { title: 'events', align: 'right', value: (row) => formatCount(row.sequence) },
          { title: 'batches', align: 'right', value: (row) => formatCount(row.state.metrics.totalBatchesProcessed) },
          { title: 'records', align: 'right', value: (row) => formatCount(row.state.metrics.totalRecordsProcessed) },
          { title: 'failed', align: 'right', value: (row) => formatCount(row.state.metrics.totalRecordsFailed) },
          { title: 'checkpoint', align: 'right', value: (row) => String(row.state.checkpoint.offset) },
        ],
        rows,
      ),
    );
  });
}

export async function printState(id: string, globals: GlobalOptions, terminal: Terminal): Promise<void> {
  await withJournal(globals, async (journal) => {
    const { state, sequence } = await readState(journal, id);
    if (sequence === 0) throw unknown(id);
    const shown = state.status === 'empty' ? state : { ...state, recentBatches: state.recentBatches.size };
    terminal.out(`${JSON.stringify(redact({ id, sequence, ...shown }), undefined, 2)}\n`);
  });
}

export async function printEvents(
  id: string,
  globals: GlobalOptions,
  options: { readonly from: number; readonly json?: boolean },
  terminal: Terminal,
): Promise<void> {
  await withJournal(globals, async (journal) => {
    if ((await journal.highestSequence(id)) === 0) throw unknown(id);
    for await (const chunk of journal.read(id, { from: options.from })) {
      for (const { sequence, timestamp, tags, data } of chunk) {
        const event = redact(data) as Record<string, unknown>;
        if (options.json === true) terminal.out(`${JSON.stringify({ sequence, timestamp, tags, event })}\n`);
        else
          terminal.out(`${String(sequence).padStart(6)}  ${new Date(timestamp).toISOString()}  ${describe(event)}\n`);
      }
    }
  });
}

const ENVELOPE = new Set(['type', 'schemaVersion', 'pipelineId', 'timestamp']);

/** Type, then what is particular to the event, on one line. */
function describe(event: Record<string, unknown>): string {
  const rest = Object.entries(event)
    .filter(([key]) => !ENVELOPE.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? oneLine(value) : JSON.stringify(value)}`);
  return [String(event.type).padEnd(20), ...rest].join(' ').trimEnd();
}

async function withJournal(globals: GlobalOptions, work: (journal: Journal) => Promise<void>): Promise<void> {
  const config = await readConfig(globals);
  if (config.journal.kind === 'memory') {
    throw new DataflowError(
      'DATAFLOW_ERR_CLI_USAGE',
      'a memory journal ends with its process: there is nothing to look at',
    );
  }
  const journal = await openJournalReadOnly(config.journal, process.env);
  try {
    await work(journal);
  } finally {
    await journal.close();
  }
}

function unknown(id: string): DataflowError {
  const message = `the journal holds no pipeline ${id}: \`dataflow list\` shows the ones it holds`;
  return new DataflowError('DATAFLOW_ERR_PIPELINE_UNKNOWN', message, { details: { pipelineId: id } });
}
