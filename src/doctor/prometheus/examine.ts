import { type Check, failed, ok, skipped } from '../check.ts';
import { offset, offsetOutside } from '../clock.ts';
import type { Exposition } from '../exposition.ts';
import type { PrometheusApi } from './api.ts';
import { alertmanager, rules } from './rules.ts';
import { scrapes, targetHealth } from './scrapes.ts';
import { storedLabels, storedSeries } from './stored.ts';
import { findTarget, type Targets } from './target.ts';

export interface PrometheusView {
  readonly api: PrometheusApi;
  /** What is to be among its targets. */
  readonly url: URL;
  /** The names a job of ours may have. */
  readonly jobs: readonly string[];
  /** What the endpoint exposes; undefined where it could not be read. */
  readonly exposition: Exposition | undefined;
  /** Names of samples that it has at all times. */
  readonly lasting: readonly string[];
}

const OF_TARGET = ['prometheus-health', 'prometheus-scrape', 'prometheus-series', 'prometheus-labels'] as const;
const REST = ['prometheus-clock', 'prometheus-target', ...OF_TARGET, 'prometheus-rules', 'prometheus-alertmanager'];

/** How Prometheus sees the endpoint. */
export async function* examinePrometheus(view: PrometheusView): AsyncGenerator<Check, void, undefined> {
  const { api, url, jobs, exposition, lasting } = view;
  const build = await api.get<{ readonly version?: string }>('status/buildinfo');
  if ('fault' in build) {
    yield failed('prometheus', build.fault);
    for (const name of REST) yield skipped(name, 'this and what else needs Prometheus, which cannot be asked');
    return;
  }
  yield ok('prometheus', `${api.url.href} is version ${build.data.version ?? 'unknown'}`);
  const time = await api.get<{ readonly result: readonly [number, string] }>('query', { query: 'time()' });
  let nowMs: number | undefined;
  if ('fault' in time) yield failed('prometheus-clock', time.fault);
  else {
    nowMs = time.data.result[0] * 1000;
    yield offset(
      'prometheus-clock',
      'the clock of Prometheus',
      offsetOutside(nowMs, nowMs, time.sentAt, time.receivedAt),
    );
  }
  const targets = await api.get<Targets>('targets');
  if ('fault' in targets) yield failed('prometheus-target', targets.fault);
  const found = 'fault' in targets ? undefined : findTarget(targets.data, url, api.url, jobs);
  if (found !== undefined) yield found.check;
  if (found?.target === undefined) {
    for (const name of OF_TARGET) yield skipped(name, 'this and what else needs the target, which was not found');
  } else {
    const { target } = found;
    yield targetHealth(target);
    yield scrapes(target, nowMs);
    yield await storedSeries(api, target, exposition, lasting);
    yield await storedLabels(api, target, exposition);
  }
  yield await rules(api);
  yield await alertmanager(api);
}
