import { INSTRUMENTS } from '../metrics/names.ts';
import { canonicalFloat, sampleNumber } from '../server/prometheus-number.ts';
import {
  type Objective,
  type ObjectiveKind,
  pipelineLabels,
  RECORDS,
  type SloTarget,
  selectRecord,
} from './objective.ts';
import { counted, durationText, perPipeline, quote, select } from './promql.ts';

/** A recording rule: what it records under which name. */
export interface Indicator {
  readonly record: string;
  readonly expr: string;
}

/** The instruments without which an objective is never seen to be missed. */
export function neededInstruments(kind: ObjectiveKind): readonly string[] {
  const { pipelineState, batchesProcessed, batchesFailed, batchDuration, batchesTimeouts, lastBatchTimestamp } =
    INSTRUMENTS;
  const needed = {
    success: [pipelineState, batchesProcessed, batchesFailed],
    latency: [pipelineState, batchDuration, batchesTimeouts],
    freshness: [pipelineState, lastBatchTimestamp],
  };
  return needed[kind].map(({ name }) => name);
}

/** The recordings of events and of errors, in the order in which they build on each other. */
export function indicators(target: SloTarget, objective: Objective): readonly Indicator[] {
  switch (objective.kind) {
    case 'success':
      return success(target, objective);
    case 'latency':
      return latency(target, objective);
    case 'freshness':
      return freshness(target, objective);
  }
}

/** Attempts of batches; wrong are the failed ones, whether they were tried again or not. */
function success(target: SloTarget, objective: Objective): Indicator[] {
  const labels = pipelineLabels(target);
  const processed = counted(select(INSTRUMENTS.batchesProcessed.series, labels));
  const failed = counted(select(INSTRUMENTS.batchesFailed.series, labels));
  const errors = selectRecord(RECORDS.errors, target, objective);
  return [
    // Failures have no series before the first one; successes have theirs from the beginning.
    { record: RECORDS.errors, expr: `${failed} or ${processed} * 0` },
    { record: RECORDS.events, expr: `${processed} + on (job, pipeline_id) ${errors}` },
  ];
}

/** Batches that succeeded, and attempts that ran into the timeout: these are wrong, and the batches over the limit. */
function latency(target: SloTarget, objective: Objective): Indicator[] {
  const labels = pipelineLabels(target);
  const duration = INSTRUMENTS.batchDuration.series;
  const timeouts = counted(select(INSTRUMENTS.batchesTimeouts.series, labels));
  const measured = counted(select(`${duration}_count`, labels));
  const inTime = counted(select(`${duration}_bucket`, labels, leMatcher(objective.limitMs / 1000)));
  const events = selectRecord(RECORDS.events, target, objective);
  return [
    // The histogram has no series before the first batch.
    { record: RECORDS.events, expr: `${timeouts} + ${measured} or ${timeouts}` },
    {
      record: RECORDS.errors,
      expr: `clamp_min(${events} - on (job, pipeline_id) ${inTime}, 0) or ${perPipeline('sum', events)}`,
    },
  ];
}

/**
 * Time, sampled at each evaluation: due while the pipeline runs or has failed, so that a pause and a stop cost nothing.
 * Wrong when it was due for the whole limit without a batch, unless the source said that it has nothing left.
 */
function freshness(target: SloTarget, objective: Objective): Indicator[] {
  const labels = pipelineLabels(target);
  const limit = durationText(objective.limitMs);
  const state = INSTRUMENTS.pipelineState.series;
  const due = selectRecord(RECORDS.events, target, objective);
  const recent = `time() - ${perPipeline('max', select(INSTRUMENTS.lastBatchTimestamp.series, labels))} <= ${objective.limitMs / 1000}`;
  const running = perPipeline('max', select(state, { ...labels, state: 'running' }));
  const nothingLeft = `${perPipeline('max', select(INSTRUMENTS.sourceLag.series, labels))} == 0 and ${running} == 1`;
  return [
    { record: RECORDS.events, expr: perPipeline('max', select(state, labels, 'state=~"running|failed"')) },
    {
      record: RECORDS.errors,
      expr:
        `(min_over_time(${due}[${limit}]) and ${due} offset ${limit} unless on (job, pipeline_id) ${recent}` +
        ` unless on (job, pipeline_id) (${nothingLeft})) or ${due} * 0`,
    },
  ];
}

/** The boundary in both forms in which `/metrics` says it: `1` in the classic text, `1.0` in OpenMetrics. */
export function leMatcher(seconds: number): string {
  const forms = new Set([sampleNumber(seconds), canonicalFloat(seconds)]);
  return `le=~${quote([...forms].map((form) => form.replaceAll(/[.+]/g, '\\$&')).join('|'))}`;
}
