import type { PipelineSummary, State } from './api/contract.ts';

export const SORT_KEYS = ['name', 'state', 'throughput', 'p95', 'errors', 'lag', 'lastBatch'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Order {
  readonly key: SortKey;
  readonly descending: boolean;
}

/** The states from what needs a person to what does not. */
const URGENCY: Readonly<Record<State, number>> = { failed: 0, paused: 1, running: 2, stopped: 3, configured: 4 };

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

const VALUES: Readonly<Record<Exclude<SortKey, 'name'>, (pipeline: PipelineSummary) => number | null>> = {
  state: ({ state }) => URGENCY[state],
  throughput: ({ throughputPerSecond }) => throughputPerSecond,
  p95: ({ p95Ms }) => p95Ms,
  errors: errorsOf,
  lag: ({ lagRecords }) => lagRecords,
  lastBatch: ({ lastBatchAt }) => (lastBatchAt === null ? null : Date.parse(lastBatchAt)),
};

/** Records refused and attempts failed. */
export function errorsOf({ recordsFailed, batchesFailed }: PipelineSummary): number {
  return recordsFailed + (batchesFailed ?? 0);
}

/** A new list in this order; what is not known comes last either way, equals are in the order of their names. */
export function sorted(pipelines: Iterable<PipelineSummary>, { key, descending }: Order): PipelineSummary[] {
  const sign = descending ? -1 : 1;
  const byName = (a: PipelineSummary, b: PipelineSummary): number =>
    collator.compare(a.name, b.name) || collator.compare(a.id, b.id);
  if (key === 'name') return [...pipelines].sort((a, b) => sign * byName(a, b));
  const value = VALUES[key];
  return [...pipelines].sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === right) return byName(a, b);
    if (left === null) return 1;
    if (right === null) return -1;
    return sign * (left - right);
  });
}

/** Every word is in the id, the name, the description, a connector's type or the last error's code. */
export function matches(pipeline: PipelineSummary, words: readonly string[], states: ReadonlySet<State>): boolean {
  if (states.size > 0 && !states.has(pipeline.state)) return false;
  if (words.length === 0) return true;
  const { id, name, description, sourceType, sinkType, lastError } = pipeline;
  const text =
    `${id} ${name} ${description} ${sourceType ?? ''} ${sinkType ?? ''} ${lastError?.code ?? ''}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export const wordsOf = (text: string): readonly string[] => text.toLowerCase().split(/\s+/).filter(Boolean);

/** How badly a pipeline needs a look: failed, then errors among its attempts, then paused, then lag. 0 = it does not. */
export function concern(pipeline: PipelineSummary): number {
  const { state, batchesFailed, batchesProcessed, recordsFailed, recordsProcessed, lagRecords } = pipeline;
  if (state === 'failed') return 100;
  const share = (bad: number, good: number): number => (bad === 0 ? 0 : bad / (bad + good));
  const errors = 40 * share(batchesFailed ?? 0, batchesProcessed) + 30 * share(recordsFailed, recordsProcessed);
  const lag = lagRecords !== null && lagRecords > 0 ? Math.min(10, Math.log10(lagRecords + 1)) : 0;
  return errors + (state === 'paused' ? 15 : 0) + (state === 'running' ? lag : 0);
}

/** The pipelines that need a look, the worst first. */
export function worst(pipelines: Iterable<PipelineSummary>, limit: number): PipelineSummary[] {
  return [...pipelines]
    .map((pipeline) => ({ pipeline, concern: concern(pipeline) }))
    .filter((entry) => entry.concern > 0)
    .sort((a, b) => b.concern - a.concern || collator.compare(a.pipeline.name, b.pipeline.name))
    .slice(0, limit)
    .map(({ pipeline }) => pipeline);
}
