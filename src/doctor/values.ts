import { INSTRUMENTS } from '../metrics/names.ts';
import type { TelemetryConfig } from '../telemetry/telemetry-config.ts';
import { seriesLimitFor } from '../telemetry/views.ts';
import { type Check, failed, listed, ok, skipped, warning } from './check.ts';
import { DOCUMENTED } from './expected.ts';
import type { Exposition, Family } from './exposition.ts';

const NEARLY = 0.8;
const BUSY_SHARE = 0.9;
const LATE_S = 0.1;
const BLOCKED_S = 1;
const HEAP_SHARE = 0.85;

/** Whether the values are numbers that can be. */
export function values({ families }: Exposition): Check {
  const name = 'values';
  const ours = [...families.values()].filter((family) => DOCUMENTED.has(family.name));
  const bad = ours.filter(({ type, samples }) =>
    samples.some(({ value }) => Number.isNaN(value) || (type === 'counter' && !(value >= 0 && Number.isFinite(value)))),
  );
  if (bad.length === 0) return ok(name, 'every value is a number that can be');
  return failed(name, {
    seen: `NaN, infinite or negative values where there can be none: ${listed(bad.map((family) => family.name))}`,
    remedy:
      'an expression over them gives nothing, so alerts stay silent: report it, with the version; restart the process to begin anew',
  });
}

/** Whether series were given up because there were too many, or soon will be. */
export function series(exposition: Exposition, config: TelemetryConfig): Check {
  const name = 'series';
  const { families } = exposition;
  const limits = seriesLimitFor(config.seriesLimit);
  const ours = [...families.values()].filter((family) => DOCUMENTED.has(family.name));
  const flowing = ours.filter(({ samples }) => samples.some(({ labels }) => labels.otel_metric_overflow !== undefined));
  if (flowing.length > 0) {
    return warning(name, {
      seen: `more series than metrics.seriesLimit allows; the rest is one series: ${listed(flowing.map((f) => f.name))}`,
      remedy:
        'raise metrics.seriesLimit of that process, remove pipelines that are over, or leave metrics out with metrics.filter',
    });
  }
  const overflow = gauge(exposition, INSTRUMENTS.metricsOverflow.series) ?? 0;
  if (overflow > 0) {
    return warning(name, {
      seen: `${overflow} measurements were counted under a shared series because there were too many different ones`,
      remedy: 'give errors few, stable codes, and raise metrics.seriesLimit where there are more pipelines than that',
    });
  }
  const near = ours.flatMap((family) => {
    const definition = DOCUMENTED.get(family.name)!;
    const limit = limits(definition.name);
    const count = countSeries(family);
    return count >= NEARLY * limit ? [`${family.name} holds ${count} of ${limit}`] : [];
  });
  if (near.length > 0) {
    return warning(name, {
      seen: `the budget of series is nearly used: ${listed(near, 3)}`,
      remedy: 'raise metrics.seriesLimit of that process, or remove pipelines that are over',
    });
  }
  const total = ours.reduce((sum, family) => sum + countSeries(family), 0);
  return ok(name, `${total} documented series, within the limit of ${config.seriesLimit} pipelines`);
}

function countSeries({ name, type, samples }: Family): number {
  return type === 'histogram' ? samples.filter((sample) => sample.name === `${name}_count`).length : samples.length;
}

/** Whether the process runs the version that this command is of. */
export function build({ families }: Exposition, version: string): Check {
  const name = 'build';
  const found = families.get(INSTRUMENTS.buildInfo.series)?.samples ?? [];
  if (found.length === 0) return skipped(name, `${INSTRUMENTS.buildInfo.series} is not exposed`);
  const versions = [...new Set(found.map(({ labels }) => labels.version ?? 'none'))];
  const node = found[0]?.labels.node_version ?? 'unknown';
  if (versions.length === 1 && versions[0] === version) return ok(name, `version ${version} on Node.js ${node}`);
  return warning(name, {
    seen: `the process is of version ${versions.join(', ')}, this command of ${version}`,
    remedy: 'names and limits may differ: use the command of the package that the process runs',
  });
}

/** Whether the event loop and the heap of the process have room left. */
export function load(exposition: Exposition): Check {
  const name = 'process';
  const busy = gauge(exposition, INSTRUMENTS.loopUtilization.series);
  const late = gauge(exposition, INSTRUMENTS.loopDelayP99.series);
  const longest = gauge(exposition, INSTRUMENTS.loopDelayMax.series);
  const used = gauge(exposition, INSTRUMENTS.heapUsed.series);
  const most = gauge(exposition, INSTRUMENTS.heapMax.series);
  if (busy === undefined && used === undefined) return skipped(name, 'nothing of event loop and heap is exposed');
  const heap = used === undefined || most === undefined || most === 0 ? undefined : used / most;
  const said = [
    busy === undefined ? '' : `event loop busy ${percent(busy)}`,
    late === undefined ? '' : `99 % of timers at most ${Math.round(late * 1000)} ms late`,
    heap === undefined ? '' : `heap ${percent(heap)} of its limit`,
  ];
  const seen = said.filter(Boolean).join(', ');
  if (heap !== undefined && heap > HEAP_SHARE) {
    return warning(name, {
      seen,
      remedy:
        'give the process more memory with node --max-old-space-size, run fewer pipelines in it, or make batches smaller',
    });
  }
  if (longest !== undefined && longest >= BLOCKED_S) {
    return warning(name, {
      seen: `the event loop stood still for ${longest.toFixed(1)} s; ${seen}`,
      remedy:
        'look for synchronous work in transforms and sinks, large JSON and regular expressions first; make batches smaller',
    });
  }
  if (busy !== undefined && busy > BUSY_SHARE && (late ?? 0) >= LATE_S) {
    return warning(name, {
      seen,
      remedy:
        'the process is at the limit of one core: spread the pipelines over several processes, or move work off the event loop',
    });
  }
  return ok(name, seen);
}

function gauge({ families }: Exposition, name: string): number | undefined {
  return families.get(name)?.samples[0]?.value;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
