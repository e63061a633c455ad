import { type Check, failed, listed, ok, skipped, warning } from './check.ts';
import { type Exposition, seriesText } from './exposition.ts';
import type { Answer } from './http-get.ts';
import type { Sample } from './sample-line.ts';

/** What any living process moves between two scrapes: each collection itself takes memory and time. */
const ALWAYS_MOVING = ['jvm_memory_heap_used_bytes', 'process_cpu_time_seconds_total', 'system_cpu_time_seconds_total'];
const STALE_MS = 60_000;

/** Whether the second scrape is newer than the first, and of the same process. */
export function fresh(first: Exposition, second: Exposition, answer: Answer): Check {
  const name = 'fresh';
  const stamped = samplesOf(second).filter(({ timestamp }) => timestamp !== undefined);
  const oldest = Math.min(...stamped.map(({ timestamp }) => timestamp!));
  if (answer.receivedAt - oldest > STALE_MS) {
    return failed(name, {
      seen: `samples carry timestamps, the oldest of ${new Date(oldest).toISOString()}`,
      remedy: 'the platform writes none: a gateway or a cache between here and there does; scrape the platform itself',
    });
  }
  const before = valuesOf(first);
  const isMover = ({ name: sample }: Sample): boolean => ALWAYS_MOVING.includes(sample);
  const movers = samplesOf(second).filter(isMover);
  const counters = [...second.families.values()].flatMap(({ type, samples }) => (type === 'counter' ? samples : []));
  const fallen = counters.filter(({ name: sample, labels, value }) => {
    const earlier = before.get(seriesText(sample, labels));
    return earlier !== undefined && value < earlier;
  });
  if (fallen.length > 0) {
    return warning(name, {
      seen: `counters went down between two scrapes: ${listed(fallen.map(({ name: sample }) => sample))}`,
      remedy:
        'several processes answer under one address, or the process was restarted just now; let Prometheus scrape each process under an address of its own',
    });
  }
  const moved = movers.filter(({ name: sample, labels, value }) => before.get(seriesText(sample, labels)) !== value);
  if (moved.length > 0) return ok(name, `${moved[0]!.name} moved between two scrapes`);
  if (movers.length === 0)
    return skipped(name, 'nothing is exposed that moves by itself (metrics.filter, metrics.runtime)');
  const cache = ['age', 'via', 'x-cache', 'x-served-by'].filter((header) => answer.headers[header] !== undefined);
  return failed(name, {
    seen: `two scrapes gave the same values of ${listed([...new Set(movers.map(({ name: sample }) => sample))])}${
      cache.length === 0 ? '' : `; the answer passed a cache (${cache.join(', ')})`
    }`,
    remedy:
      'a cache or a gateway answers in place of the process: turn it off for /metrics, or scrape the process itself',
  });
}

function samplesOf({ families }: Exposition): Sample[] {
  return [...families.values()].flatMap(({ samples }) => samples);
}

function valuesOf({ families }: Exposition): Map<string, number> {
  const values = new Map<string, number>();
  for (const { type, samples } of families.values()) {
    for (const { name, labels, value } of samples) {
      if (type === 'counter' || ALWAYS_MOVING.includes(name)) values.set(seriesText(name, labels), value);
    }
  }
  return values;
}
