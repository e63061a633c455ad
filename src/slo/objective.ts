import type { SloSpec } from '../domain/spec.ts';
import { exact, select } from './promql.ts';

/** The label `slo`. */
export type ObjectiveKind = 'success' | 'latency' | 'freshness';

export interface Objective {
  readonly kind: ObjectiveKind;
  readonly target: number;
  /** 1 − target: the share of events that may go wrong. */
  readonly budget: number;
  /** `underMs` or `withinMs`; 0 where there is none. */
  readonly limitMs: number;
}

/** One pipeline with everything that its rules are made of. */
export interface SloTarget {
  readonly pipelineId: string;
  readonly job: string;
  /** In days, `30d`. */
  readonly window: string;
  readonly objectives: readonly Objective[];
}

export function objectivesOf({ success, latency, freshness }: SloSpec): Objective[] {
  const objective = (kind: ObjectiveKind, target: number, limitMs = 0): Objective => ({
    kind,
    target,
    budget: exact(1 - target),
    limitMs,
  });
  return [
    ...(success === undefined ? [] : [objective('success', success.target)]),
    ...(latency === undefined ? [] : [objective('latency', latency.target, latency.underMs)]),
    ...(freshness === undefined ? [] : [objective('freshness', freshness.target, freshness.withinMs)]),
  ];
}

/** What the rules record, each with the labels job, pipeline_id and slo. */
export const RECORDS = {
  /** What an evaluation adds up: batches and attempts of the last 5 minutes, or 1 while freshness is due. */
  events: 'pipeline:dataflow_slo_events',
  /** Those of them that went wrong. */
  errors: 'pipeline:dataflow_slo_errors',
  objective: 'pipeline:dataflow_slo_objective',
  budgetRemaining: 'pipeline:dataflow_slo_error_budget_remaining',
} as const;

export function ratioRecord(window: string): string {
  return `pipeline:dataflow_slo_error_ratio:${window}`;
}

export function pipelineLabels({ job, pipelineId }: SloTarget): Readonly<Record<string, string>> {
  return { job, pipeline_id: pipelineId };
}

export function selectRecord(record: string, target: SloTarget, { kind }: Objective): string {
  return select(record, { ...pipelineLabels(target), slo: kind });
}
