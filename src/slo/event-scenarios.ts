import { INSTRUMENTS } from '../metrics/names.ts';
import { canonicalFloat } from '../server/prometheus-number.ts';
import { BURN_RATES, reachable, thresholdOf } from './burn-rates.ts';
import type { Objective, SloTarget } from './objective.ts';
import { exact } from './promql.ts';
import { absent, growing, Scenario, steady } from './scenario.ts';

/** Values of the counters that the objectives over batches read, in promtool's notation. */
interface Counters {
  readonly processed: string;
  readonly failed?: string;
  readonly timeouts: string;
  readonly measured?: string;
  readonly inTime?: string;
}

const STAGE = 30;

/** Tests of success and latency, which count batches; without either there are none. Steps are minutes. */
export function eventScenarios(target: SloTarget): Scenario[] {
  const objectives = target.objectives.filter(({ kind }) => kind !== 'freshness');
  if (objectives.length === 0) return [];
  const latency = objectives.find(({ kind }) => kind === 'latency');
  // Whatever happens to the batches here, it is no fault of freshness.
  const lastBatch = INSTRUMENTS.lastBatchTimestamp.series;
  const everything = objectives.map((objective) => ({ objective, rates: reachable(objective) }));
  const scenario = (name: string, counters: Counters, instance?: string) =>
    withCounters(new Scenario(target, name).series(lastBatch, growing(0, 60, 3 * STAGE)), counters, latency, instance);
  const healthy = (steps: number, then: readonly [counted: string, timeouts: string] = ['', '']): Counters => {
    const values = `${growing(0, 60, steps)}${then[0]}`;
    return { processed: values, timeouts: `${steady(0, steps)}${then[1]}`, measured: values, inTime: values };
  };
  const broken = (rest = ''): Counters => ({
    processed: `${steady(0, STAGE)}${rest}`,
    failed: `${absent(1)} ${growing(60, 60, STAGE - 1)}${rest}`,
    timeouts: `${steady(0, STAGE)}${rest}`,
    measured: `${absent(1)} ${growing(60, 60, STAGE - 1)}${rest}`,
    inTime: `${absent(1)} ${steady(0, STAGE - 1)}${rest}`,
  });
  const none = steady(0, 2 * STAGE);
  const zeros = ` ${steady(0, STAGE)}`;
  return [
    scenario('just started, and healthy', healthy(2 * STAGE))
      .states(['running', 2 * STAGE])
      .silent(0, 1, STAGE, 2 * STAGE - 1)
      .budget(2 * STAGE - 1, 'whole', objectives),
    scenario('everything goes wrong', broken())
      .states(['running', STAGE])
      .fires(STAGE - 1, ...everything)
      .budget(STAGE - 1, 'overspent', objectives),
    scenario('idle from the beginning', { processed: none, timeouts: none })
      .states(['running', 2 * STAGE])
      .silent(1, STAGE, 2 * STAGE - 1)
      .budget(2 * STAGE - 1, 'whole', objectives),
    ...['paused', 'stopped'].map((state) =>
      scenario(`${state} after healthy work`, healthy(STAGE, [` ${steady((STAGE - 1) * 60, STAGE)}`, zeros]))
        .states(['running', STAGE], [state, STAGE])
        .silent(STAGE + 10, 2 * STAGE - 1)
        .budget(2 * STAGE - 1, 'whole', objectives),
    ),
    scenario('removed while everything goes wrong', broken(' stale'))
      .states(['running', STAGE])
      .fires(STAGE - 1, ...everything)
      .silent(STAGE + 10, 2 * STAGE),
    scenario('restarted in the same place', healthy(STAGE, [` ${growing(0, 60, STAGE)}`, zeros]))
      .states(['running', 2 * STAGE])
      .silent(STAGE, STAGE + 1, STAGE + 6, 2 * STAGE - 1)
      .budget(2 * STAGE - 1, 'whole', objectives),
    withCounters(
      scenario('moved to another process', healthy(STAGE, [' stale', ' stale'])),
      after(STAGE + 1, healthy(STAGE)),
      latency,
      'b:9095',
    )
      .states(['running', 2 * STAGE])
      .silent(STAGE, STAGE + 2, STAGE + 7, 2 * STAGE)
      .budget(2 * STAGE, 'whole', objectives),
    ...objectives.flatMap((objective) => [...firstFailure(objective, scenario), ...slowBurn(objective, scenario)]),
  ];
}

type Begin = (name: string, counters: Counters) => Scenario;

/** A counter that an event created has no zero: its first value must count all the same. */
function firstFailure(objective: Objective, scenario: Begin): Scenario[] {
  const counters = {
    processed: growing(0, 1, 2 * STAGE),
    timeouts: steady(0, 2 * STAGE),
    ...(objective.kind === 'success'
      ? { failed: `${absent(STAGE)} ${steady(1e9, STAGE)}` }
      : {
          measured: `${absent(STAGE)} ${steady(1e9, STAGE)}`,
          inTime: `${absent(STAGE)} ${steady(0, STAGE)}`,
        }),
  };
  return [
    scenario(`the first failures of ${objective.kind}`, counters)
      .states(['running', 2 * STAGE])
      .silent(STAGE - 1)
      .fires(STAGE + 3, { objective, rates: reachable(objective) }),
  ];
}

/** Half as much again as the budget allows is for the slowest alert alone. */
function slowBurn(objective: Objective, scenario: Begin): Scenario[] {
  const slowest = BURN_RATES.at(-1)!;
  const ratio = exact(1.5 * thresholdOf(slowest, objective));
  if (ratio >= 1) return [];
  const good = growing(0, 1000, 2 * STAGE);
  const bad = exact((1000 * ratio) / (1 - ratio));
  const counters = {
    processed: good,
    timeouts: steady(0, 2 * STAGE),
    ...(objective.kind === 'success'
      ? { failed: growing(0, bad, 2 * STAGE) }
      : { measured: growing(0, exact(1000 + bad), 2 * STAGE), inTime: good }),
  };
  return [
    scenario(`${objective.kind} burns slowly`, counters)
      .states(['running', 2 * STAGE])
      .fires(2 * STAGE - 1, { objective, rates: [slowest] }),
  ];
}

function withCounters(
  scenario: Scenario,
  { processed, failed, timeouts, measured, inTime }: Counters,
  latency: Objective | undefined,
  instance?: string,
): Scenario {
  const duration = INSTRUMENTS.batchDuration.series;
  scenario.series(INSTRUMENTS.batchesProcessed.series, processed, {}, instance);
  scenario.series(INSTRUMENTS.batchesTimeouts.series, timeouts, {}, instance);
  if (failed !== undefined)
    scenario.series(INSTRUMENTS.batchesFailed.series, failed, { error_code: 'TIMEOUT' }, instance);
  if (latency === undefined || measured === undefined || inTime === undefined) return scenario;
  scenario.series(`${duration}_count`, measured, {}, instance);
  return scenario.series(`${duration}_bucket`, inTime, { le: canonicalFloat(latency.limitMs / 1000) }, instance);
}

/** The same, so many steps later. */
function after(steps: number, counters: Counters): Counters {
  const shifted = Object.entries(counters).map(([name, values]) => [name, `${absent(steps)} ${values}`]);
  return Object.fromEntries(shifted) as unknown as Counters;
}
