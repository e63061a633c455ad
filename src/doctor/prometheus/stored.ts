import { type Check, failed, listed, ok, skipped, warning } from '../check.ts';
import { DOCUMENTED } from '../expected.ts';
import type { Exposition } from '../exposition.ts';
import type { PrometheusApi } from './api.ts';
import type { ActiveTarget } from './target.ts';

/**
 * Whether what is exposed is also stored: relabeling drops and renames without a word. `lasting` are names of samples that
 * the endpoint has at all times.
 */
export async function storedSeries(
  api: PrometheusApi,
  target: ActiveTarget,
  exposition: Exposition | undefined,
  lasting: readonly string[],
): Promise<Check> {
  const name = 'prometheus-series';
  const selector = selectorOf(target);
  const up = await api.query(`up${selector}`);
  if ('fault' in up) return failed(name, up.fault);
  const [sample] = up.data.result;
  if (sample === undefined) {
    return warning(name, {
      seen: `up${selector} has no value`,
      remedy: 'the target was not scraped within five minutes, or its labels are rewritten on the way to the storage',
    });
  }
  if (sample.value[1] !== '1') return skipped(name, 'the last scrape failed: nothing was stored');
  const [scraped, kept, stored] = await Promise.all([
    api.query(`scrape_samples_scraped${selector}`),
    api.query(`scrape_samples_post_metric_relabeling${selector}`),
    api.get<readonly string[]>('label/__name__/values', { 'match[]': selector }),
  ]);
  for (const result of [scraped, kept, stored]) if ('fault' in result) return failed(name, result.fault);
  const before = firstValue(scraped);
  const after = firstValue(kept);
  const isDropping = before !== undefined && after !== undefined && after < before;
  // Others may be newer than the last scrape.
  const exposed = exposition === undefined ? [] : isDropping ? sampleNames(exposition) : lasting;
  const known = new Set('fault' in stored ? exposed : stored.data);
  const lost = exposed.filter((sample) => !known.has(sample));
  if (lost.length > 0 && isDropping) {
    return failed(name, {
      seen: `metric_relabel_configs drops ${before - after} of ${before} samples, among them ${listed(lost)}`,
      remedy: 'change the rules of the job: the documented queries, alerts and dashboards find nothing of these',
    });
  }
  if (lost.length > 0) {
    return warning(name, {
      seen: `exposed but not stored: ${listed(lost)}`,
      remedy:
        'where they are new, wait for one scrape interval and ask again; else metric_relabel_configs of the job renames them',
    });
  }
  if (isDropping) {
    return warning(name, {
      seen: `metric_relabel_configs drops ${before - after} of ${before} samples`,
      remedy:
        'where that is not wanted, change the rules of the job; a metric not wanted at all is cheaper left out with metrics.filter',
    });
  }
  return ok(name, after === undefined ? 'up is 1' : `${after} samples a scrape are stored`);
}

/** Whether labels of the endpoint and of the target get in each other's way. */
export async function storedLabels(
  api: PrometheusApi,
  target: ActiveTarget,
  exposition: Exposition | undefined,
): Promise<Check> {
  const name = 'prometheus-labels';
  const clashing = exposition === undefined ? [] : exposedLabels(exposition).filter((key) => key in target.labels);
  if (clashing.length > 0) {
    return warning(name, {
      seen: `the endpoint and the target both set ${listed(clashing)}`,
      remedy:
        'with honor_labels the one of the endpoint wins, without it becomes exported_…: let only one of them set it; a gateway or federation needs honor_labels: true',
    });
  }
  const found = await api.get<readonly string[]>('labels', { 'match[]': selectorOf(target) });
  if ('fault' in found) return failed(name, found.fault);
  const exported = found.data.filter((key) => key.startsWith('exported_'));
  if (exported.length === 0) return ok(name, 'labels of target and endpoint do not clash');
  return warning(name, {
    seen: `renamed because target and endpoint both have them: ${listed(exported)}`,
    remedy:
      'queries by the documented labels find the one of the target: let only one of them set it; a gateway or federation needs honor_labels: true',
  });
}

function firstValue(result: Awaited<ReturnType<PrometheusApi['query']>>): number | undefined {
  const text = 'fault' in result ? undefined : result.data.result[0]?.value[1];
  return text === undefined ? undefined : Number(text);
}

function sampleNames({ families }: Exposition): string[] {
  const documented = [...families.values()].filter(({ name, samples }) => DOCUMENTED.has(name) && samples.length > 0);
  return documented.map(({ name, type }) => (type === 'histogram' ? `${name}_count` : name));
}

function exposedLabels({ families }: Exposition): string[] {
  const keys = new Set<string>();
  for (const { name, samples } of families.values()) {
    if (DOCUMENTED.has(name)) for (const { labels } of samples) for (const key of Object.keys(labels)) keys.add(key);
  }
  return [...keys];
}

function selectorOf({ labels: { job = '', instance = '' } }: ActiveTarget): string {
  return `{job=${JSON.stringify(job)},instance=${JSON.stringify(instance)}}`;
}
