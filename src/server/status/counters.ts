import { INSTRUMENTS } from '../../metrics/names.ts';
import type { MetricFamily } from '../../telemetry/engine/family.ts';
import type { StatusMetrics } from './ports.ts';

/** Totals of one pipeline since its series began, summed over error codes. */
export interface Totals {
  records: number;
  batches: number;
  batchesFailed: number;
  retries: number;
  timeouts: number;
  deadLettered: number;
}

type Total = keyof Totals;

const INSTRUMENT_OF: Readonly<Record<Total, string>> = {
  records: INSTRUMENTS.recordsProcessed.name,
  batches: INSTRUMENTS.batchesProcessed.name,
  batchesFailed: INSTRUMENTS.batchesFailed.name,
  retries: INSTRUMENTS.retriesScheduled.name,
  timeouts: INSTRUMENTS.batchesTimeouts.name,
  deadLettered: INSTRUMENTS.recordsDeadLettered.name,
};
const TOTAL_OF = new Map(Object.entries(INSTRUMENT_OF).map(([total, name]) => [name, total as Total]));

export function noTotals(): Totals {
  return { records: 0, batches: 0, batchesFailed: 0, retries: 0, timeouts: 0, deadLettered: 0 };
}

export function resetTotals(totals: Totals): void {
  totals.records = 0;
  totals.batches = 0;
  totals.batchesFailed = 0;
  totals.retries = 0;
  totals.timeouts = 0;
  totals.deadLettered = 0;
}

/** Null for what the configuration leaves out or nobody measures: 0 would be a claim. */
export function recorded(metrics: StatusMetrics | undefined, total: Total, value: number): number | null {
  return metrics?.records(INSTRUMENT_OF[total]) === true ? value : null;
}

/** Adds what the engine holds now to the totals that `totalsOf` gives; it gives none for who is not of interest. */
export function readTotals(metrics: StatusMetrics, totalsOf: (pipelineId: string) => Totals | undefined): void {
  for (const family of metrics.families()) {
    const total = TOTAL_OF.get(family.name);
    if (total === undefined) continue;
    for (const { series, value } of family.points()) {
      const totals = totalsOf(String(series.attributes.pipeline_id));
      if (totals !== undefined) totals[total] += value;
    }
  }
}

/** The histogram of processing times in ms, where it is recorded. */
export function processingTimes(metrics: StatusMetrics): MetricFamily | undefined {
  for (const family of metrics.families()) if (family.name === INSTRUMENTS.batchProcessingTime.name) return family;
  return undefined;
}
