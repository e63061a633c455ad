import { INSTRUMENTS } from '../metrics/names.ts';
import { type BurnRate, reachable } from './burn-rates.ts';
import { type Objective, pipelineLabels, RECORDS, type SloTarget, selectRecord } from './objective.ts';
import { select } from './promql.ts';
import { ALERT, alerts } from './rules.ts';

/** One test as promtool reads it. */
export interface PromtoolTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly alert_rule_test: readonly AlertTest[];
  readonly promql_expr_test: readonly ExpressionTest[];
}

interface AlertTest {
  readonly eval_time: string;
  readonly alertname: string;
  readonly exp_alerts: readonly object[];
}

interface ExpressionTest {
  readonly expr: string;
  readonly eval_time: string;
  readonly exp_samples: readonly { readonly labels: string; readonly value: number }[];
}

const BUDGETS = { whole: '== bool 1', spent: '< bool 1', overspent: '< bool 0' } as const;

/** A story told in steps: what `/metrics` showed at each, and what the rules must make of it. */
export class Scenario {
  readonly #target: SloTarget;
  readonly #name: string;
  readonly #stepMinutes: number;
  readonly #series: { series: string; values: string }[] = [];
  readonly #alerts: AlertTest[] = [];
  readonly #expressions: ExpressionTest[] = [];

  constructor(target: SloTarget, name: string, stepMinutes = 1) {
    this.#target = target;
    this.#name = `${target.pipelineId}: ${name}`;
    this.#stepMinutes = stepMinutes;
  }

  /** @param values in promtool's notation, one a step: `0+60x10`, `_x3`, `stale` */
  series(name: string, values: string, labels: Readonly<Record<string, string>> = {}, instance = 'a:9095'): this {
    const all = { ...pipelineLabels(this.#target), instance, ...labels };
    this.#series.push({ series: select(name, all), values });
    return this;
  }

  /** The state series of one state after the other, each for as many steps. */
  states(...states: readonly (readonly [state: string, steps: number])[]): this {
    for (const shown of ['running', 'paused', 'stopped', 'failed']) {
      const values = states.map(([state, steps]) => steady(state === shown ? 1 : 0, steps)).join(' ');
      this.series(INSTRUMENTS.pipelineState.series, values, { state: shown });
    }
    return this;
  }

  /** At this step these alerts fire and no other. */
  fires(step: number, ...expected: readonly { objective: Objective; rates: readonly BurnRate[] }[]): this {
    const exp_alerts = expected.flatMap(({ objective, rates }) =>
      alerts(this.#target, objective)
        .filter((_rule, index) => rates.includes(reachable(objective)[index]!))
        .map(({ labels, annotations }) => ({
          exp_labels: { job: this.#target.job, ...labels },
          exp_annotations: annotations,
        })),
    );
    this.#alerts.push({ eval_time: this.#time(step), alertname: ALERT, exp_alerts });
    return this;
  }

  silent(...steps: readonly number[]): this {
    for (const step of steps) this.fires(step);
    return this;
  }

  /** At this step nothing (`whole`), something (`spent`) or more than everything (`overspent`) is gone of the budgets. */
  budget(step: number, state: keyof typeof BUDGETS, objectives: readonly Objective[]): this {
    for (const objective of objectives) {
      const remaining = selectRecord(RECORDS.budgetRemaining, this.#target, objective);
      const labels = select('', { ...pipelineLabels(this.#target), slo: objective.kind });
      this.#expressions.push({
        expr: `${remaining} ${BUDGETS[state]}`,
        eval_time: this.#time(step),
        exp_samples: [{ labels, value: 1 }],
      });
    }
    return this;
  }

  #time(step: number): string {
    return `${step * this.#stepMinutes}m`;
  }

  build(): PromtoolTest {
    return {
      name: this.#name,
      interval: `${this.#stepMinutes}m`,
      input_series: this.#series,
      alert_rule_test: this.#alerts,
      promql_expr_test: this.#expressions,
    };
  }
}

/** The same value for as many steps. */
export function steady(value: number, steps: number): string {
  return `${value}x${steps - 1}`;
}

/** A value for each of as many steps, the first one of them `from`. */
export function growing(from: number, by: number, steps: number): string {
  return `${from}+${by}x${steps - 1}`;
}

export function absent(steps: number): string {
  return `_x${steps}`;
}
