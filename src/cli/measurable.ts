import type { Config } from '../config/config.ts';
import type { LoadedPipeline } from '../config/pipelines-file.ts';
import type { SloSpec } from '../domain/spec.ts';
import { DataflowError, describeProblem, type Problem } from '../errors.ts';
import { INSTRUMENTS } from '../metrics/names.ts';
import { latencyProblems } from '../slo/generate.ts';
import { neededInstruments } from '../slo/indicators.ts';
import { objectivesOf } from '../slo/objective.ts';
import { instrumentFilter } from '../telemetry/instrument-filter.ts';

/**
 * Refuses objectives that the metrics, as they are configured, would never show to be missed, with file and line of
 * their pipeline: a latency between two boundaries of the histogram, an instrument that the filter leaves out.
 */
export function assertMeasurable(pipelines: readonly LoadedPipeline[], config: Config): void {
  const { batchDurationBuckets } = durationBuckets(config);
  const problems: Problem[] = pipelines.flatMap(({ definition, file, line }) =>
    [
      ...latencyProblems(definition.config.slo, batchDurationBuckets),
      ...filterProblems(definition.config.slo, config),
    ].map((problem) => ({ ...problem, path: `${definition.id}.${problem.path}`, file, line })),
  );
  if (problems.length === 0) return;
  const lines = problems.map((problem) => `\n  ${describeProblem(problem)}`).join('');
  throw new DataflowError('DATAFLOW_ERR_PIPELINE_INVALID', `These objectives cannot be measured; correct:${lines}`, {
    problems,
  });
}

function filterProblems(slo: SloSpec | undefined, { metrics }: Config): Problem[] {
  const isExported = instrumentFilter(metrics.filter);
  return (slo === undefined ? [] : objectivesOf(slo)).flatMap(({ kind }) => {
    const missing = neededInstruments(kind).filter((name) => !isExported(name));
    if (missing.length === 0) return [];
    const expected = 'an objective over instruments that metrics.filter lets through';
    return [{ path: `slo.${kind}`, expected, got: `one that needs ${missing.join(', ')}` }];
  });
}

/** The boundaries of the batch duration, where the configuration sets them. */
export function durationBuckets({ metrics }: Config): { readonly batchDurationBuckets?: readonly number[] } {
  const { name } = INSTRUMENTS.batchDuration;
  const batchDurationBuckets = Object.hasOwn(metrics.buckets, name) ? metrics.buckets[name] : undefined;
  return batchDurationBuckets === undefined ? {} : { batchDurationBuckets };
}
