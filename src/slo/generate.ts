import { ProblemCollector } from '../domain/problem-collector.ts';
import { nearestBoundaries, readSlo } from '../domain/slo.ts';
import type { SloInput, SloSpec } from '../domain/spec.ts';
import { DEFAULT_BATCH_TIMEOUT_MS, readPipelineId } from '../domain/validate.ts';
import { DataflowError, describeProblem, type Problem } from '../errors.ts';
import { INSTRUMENTS } from '../metrics/names.ts';
import { sloDashboard } from './dashboard.ts';
import { objectivesOf, type SloTarget } from './objective.ts';
import { rulesFile } from './rules.ts';
import { testsFiles } from './tests-file.ts';

export const DEFAULT_JOB = 'dataflow-platform';

/** What is read of a pipeline; a whole specification will do. */
export interface SloPipeline {
  readonly id: string;
  readonly slo?: SloInput;
  readonly batchTimeoutMs?: number;
}

export interface SloFilesOptions {
  /** The job under which Prometheus scrapes the processes; default `dataflow-platform`. */
  readonly job?: string;
  /** The boundaries in seconds of `dataflow.batch.duration`, where `metrics.buckets` sets others than the documented. */
  readonly batchDurationBuckets?: readonly number[];
}

export interface SloFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly content: string;
}

/**
 * The files that make Prometheus and Grafana watch the objectives of the pipelines: for each pipeline that has some
 * `rules/<id>.yaml` (recording rules and burn-rate alerts) and `tests/<id>.yaml`, `tests/<id>.freshness.yaml` (for
 * `promtool test rules`), and
 * `dashboards/dataflow-slo.json` for all of them. Nothing is written.
 *
 * @throws DATAFLOW_ERR_SLO_MISSING no pipeline has an objective · DATAFLOW_ERR_PIPELINE_INVALID with every problem ·
 * DATAFLOW_ERR_CLI_USAGE the job is no text that a label can hold
 */
export function generateSloFiles(pipelines: readonly SloPipeline[], options: SloFilesOptions = {}): readonly SloFile[] {
  const { job = DEFAULT_JOB } = options;
  assertJob(job);
  const targets = readTargets(pipelines, job, options.batchDurationBuckets);
  if (targets.length === 0) {
    throw new DataflowError(
      'DATAFLOW_ERR_SLO_MISSING',
      'None of the pipelines has a service-level objective: give one `slo: { success: { target: 0.999 } }`, for instance.',
    );
  }
  return [
    ...targets.flatMap((target) => {
      const { pipelineId } = target;
      return [
        { path: `rules/${pipelineId}.yaml`, content: rulesFile(target) },
        ...testsFiles(target, `../rules/${pipelineId}.yaml`).map(({ name, content }) => ({
          path: `tests/${name}`,
          content,
        })),
      ];
    }),
    { path: 'dashboards/dataflow-slo.json', content: sloDashboard(job) },
  ];
}

/** Whether the latency that a pipeline promises can be measured; the path is that of its specification. */
export function latencyProblems(
  slo: Pick<SloSpec, 'latency'> | undefined,
  boundaries: readonly number[] = INSTRUMENTS.batchDuration.buckets,
): Problem[] {
  const nearest = slo?.latency === undefined ? undefined : nearestBoundaries(slo.latency, boundaries);
  if (nearest === undefined) return [];
  const { series, name } = INSTRUMENTS.batchDuration;
  return [
    {
      path: 'slo.latency.underMs',
      expected: `a boundary in ms of ${series} (nearest: ${nearest}; metrics.buckets of ${name} sets others, in seconds)`,
      got: String(slo!.latency!.underMs),
    },
  ];
}

function assertJob(job: string): void {
  // A lone half of a surrogate pair is no character that a label could hold.
  if (typeof job === 'string' && job.trim() !== '' && !/\p{Cs}/u.test(job)) return;
  throw new DataflowError(
    'DATAFLOW_ERR_CLI_USAGE',
    'The job must be the name of a job in Prometheus: give one that is not empty.',
  );
}

function readTargets(pipelines: readonly SloPipeline[], job: string, boundaries?: readonly number[]): SloTarget[] {
  const check = new ProblemCollector();
  const ids = new Set<string>();
  const targets: SloTarget[] = [];
  for (const [index, pipeline] of pipelines.entries()) {
    if (pipeline.slo === undefined) continue;
    const path = `pipelines.${index}`;
    const pipelineId = readPipelineId(check, pipeline.id, `${path}.id`);
    if (ids.has(pipelineId)) check.refuse(`${path}.id`, 'an id that no other pipeline has', pipelineId);
    ids.add(pipelineId);
    const slo = readSlo(check, pipeline.slo, `${path}.slo`, pipeline.batchTimeoutMs ?? DEFAULT_BATCH_TIMEOUT_MS);
    if (slo === undefined) continue;
    for (const problem of latencyProblems(slo, boundaries))
      check.problems.push({ ...problem, path: `${path}.${problem.path}` });
    targets.push({ pipelineId, job, window: slo.window, objectives: objectivesOf(slo) });
  }
  const { problems } = check;
  if (problems.length === 0) return targets;
  const lines = problems.map((problem) => `\n  ${describeProblem(problem)}`).join('');
  throw new DataflowError(
    'DATAFLOW_ERR_PIPELINE_INVALID',
    `No rules can be made of these objectives; correct:${lines}`,
    {
      problems,
    },
  );
}
