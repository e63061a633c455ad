import { INSTRUMENTS } from '../metrics/names.ts';
import { type BurnRate, reachable, thresholdOf } from './burn-rates.ts';
import type { Objective, SloTarget } from './objective.ts';
import { absent, growing, Scenario, steady } from './scenario.ts';

const MINUTES: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1440 };
const LONGEST_FINE_LIMIT_MS = 2 * 3_600_000;
const LONGEST_THOROUGH_LIMIT_MS = 2 * 86_400_000;
/** A sample is valid for 5 minutes. */
const COARSE_STEP_MINUTES = 4;

/** Tests of freshness, which lasts as long as its limit says; none without it. */
export function freshnessScenarios(target: SloTarget): Scenario[] {
  return target.objectives.filter(({ kind }) => kind === 'freshness').flatMap((objective) => tests(target, objective));
}

function tests(target: SloTarget, objective: Objective): Scenario[] {
  const step = objective.limitMs > LONGEST_FINE_LIMIT_MS ? COARSE_STEP_MINUTES : 1;
  const limit = Math.ceil(objective.limitMs / 60_000 / step);
  const all = reachable(objective);
  // Until here everything was fine; from here on the limit is exceeded.
  const worked = 30;
  const stale = worked + limit + 2;
  const burned = stale + Math.max(...all.map((rate) => stepsToFire(rate, objective, stale, step)));
  const fresh = (steps: number): string => growing(0, step * 60, steps);
  const scenario = (name: string, lastBatch: string): Scenario =>
    new Scenario(target, name, step).series(INSTRUMENTS.lastBatchTimestamp.series, lastBatch);
  const endsAfter = worked + limit + 30;
  const quietSince = `${fresh(worked)} ${steady((worked - 1) * step * 60, burned - worked + 1)}`;
  const noBatch = (state: string): Scenario =>
    scenario(`no batch while ${state}`, quietSince)
      .states(['running', worked], [state, burned - worked + 1])
      .silent(worked)
      .fires(burned, { objective, rates: all })
      .budget(burned, 'spent', [objective]);
  const excused = (state: string): Scenario =>
    scenario(`no batch while ${state}, and some time to begin again`, quietSince)
      .states(['running', worked], [state, burned - worked], ['running', 1])
      .silent(worked, burned - 1, burned)
      .budget(burned, 'whole', [objective]);
  // Each scenario lasts as long as the limit, and each moment of it costs.
  if (objective.limitMs > LONGEST_THOROUGH_LIMIT_MS) return [noBatch('running'), excused('paused')];
  return [
    scenario('batches come in time', fresh(endsAfter))
      .states(['running', endsAfter])
      .silent(0, worked, endsAfter - 1)
      .budget(endsAfter - 1, 'whole', [objective]),
    noBatch('running'),
    noBatch('failed'),
    new Scenario(target, 'not one batch, and then removed', step)
      .states(['running', burned + 1])
      .silent(0)
      .fires(burned, { objective, rates: all })
      .silent(burned + 10),
    excused('paused'),
    excused('stopped'),
    scenario('idle, for the source has nothing left', quietSince)
      .series(INSTRUMENTS.sourceLag.series, steady(0, burned + 1))
      .states(['running', burned + 1])
      .silent(burned)
      .budget(burned, 'whole', [objective]),
    scenario('restarted in another process', fresh(worked))
      .series(
        INSTRUMENTS.lastBatchTimestamp.series,
        `${absent(worked + 1)} ${growing((worked + 1) * step * 60, step * 60, limit + 30)}`,
        {},
        'b:9095',
      )
      .states(['running', endsAfter])
      .silent(worked, worked + 3, endsAfter - 1)
      .budget(endsAfter - 1, 'whole', [objective]),
  ];
}

/** Steps of staleness until the long window, or as much of it as there is, has more errors than it may; the short one has them sooner. */
function stepsToFire(rate: BurnRate, objective: Objective, before: number, step: number): number {
  const threshold = thresholdOf(rate, objective);
  const window = minutesOf(rate.longWindow) / step;
  const share = Math.min((threshold / (1 - threshold)) * before, threshold * window);
  return Math.ceil(share * 1.1) + 10;
}

function minutesOf(duration: string): number {
  return Number.parseInt(duration, 10) * MINUTES[duration.at(-1)!]!;
}
