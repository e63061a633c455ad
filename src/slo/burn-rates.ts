import type { Objective } from './objective.ts';
import { exact } from './promql.ts';

export interface BurnRate {
  /** 1 spends the whole budget in exactly the window of the objective. */
  readonly factor: number;
  readonly longWindow: string;
  /** A twelfth of the long one: the alert ends soon after the burning does. */
  readonly shortWindow: string;
  readonly severity: 'critical' | 'warning';
}

/**
 * Multiwindow, multi-burn-rate alerts as in The Site Reliability Workbook (Google, O'Reilly 2018), chapter 5,
 * "Alerting on SLOs", section 6, table 5-8; https://sre.google/workbook/alerting-on-slos. Of a budget of 30 days
 * 14.4 × spends 2 % in 1 hour, 6 × 5 % in 6 hours, 3 × 10 % in 1 day, 1 × 10 % in 3 days.
 */
export const BURN_RATES: readonly BurnRate[] = [
  { factor: 14.4, longWindow: '1h', shortWindow: '5m', severity: 'critical' },
  { factor: 6, longWindow: '6h', shortWindow: '30m', severity: 'critical' },
  { factor: 3, longWindow: '1d', shortWindow: '2h', severity: 'warning' },
  { factor: 1, longWindow: '3d', shortWindow: '6h', severity: 'warning' },
];

/** The windows of the error ratios, the one of the objective aside. */
export const RATIO_WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const;

/** The error ratio above which the budget burns this many times too fast. */
export function thresholdOf({ factor }: BurnRate, { budget }: Objective): number {
  return exact(factor * budget);
}

/** The burn rates that this objective can reach at all: where the budget is large, not even 100 % errors are 14.4 ×. */
export function reachable(objective: Objective): readonly BurnRate[] {
  return BURN_RATES.filter((rate) => thresholdOf(rate, objective) < 1);
}
