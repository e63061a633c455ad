import { type Check, type Fault, failed, ok, skipped, warning } from '../check.ts';
import type { ActiveTarget } from './target.ts';

/** Beyond it a rate over one minute has fewer than two samples to go by. */
const LONGEST_INTERVAL_MS = 30_000;
const NEARLY = 0.8;

/** What Prometheus says of its last scrape. */
export function targetHealth({ health, lastError, lastScrape }: ActiveTarget): Check {
  const name = 'prometheus-health';
  if (health === 'up') return ok(name, 'up');
  if (health === 'down') return failed(name, { seen: `down: ${lastError}`, remedy: remedyOf(lastError) });
  const seen = isNever(lastScrape) ? 'not scraped yet' : `unknown: ${lastError}`;
  return warning(name, { seen, remedy: 'wait for one scrape interval and ask again' });
}

const REMEDIES: readonly (readonly [pattern: RegExp, remedy: string])[] = [
  [
    /connection refused/i,
    'nothing listens there as Prometheus sees it: correct host and port of the target (in a container localhost is the container itself), or start the platform',
  ],
  [/no such host|lookup .* on/i, 'the host name of the target is unknown where Prometheus runs: correct it'],
  [
    /deadline exceeded|timeout/i,
    'the scrape takes longer than scrape_timeout, or a firewall drops it: raise scrape_timeout, or leave series out with metrics.filter',
  ],
  [
    /HTTP status 40[13]/i,
    'give the job the credentials of metrics.prometheus.auth: basic_auth, or authorization with credentials_file',
  ],
  [/HTTP status 404/i, 'correct metrics_path: the platform serves /metrics'],
  [/HTTP status 3\d\d/i, 'scrape the address that the redirect leads to'],
  [/HTTP status 5\d\d/i, 'the process could not collect its metrics: its log says why'],
  [/server gave HTTP response to HTTPS/i, 'take `scheme: https` away, or configure metrics.prometheus.tls'],
  [
    /x509|certificate|tls:/i,
    'give the job tls_config with the ca_file of the authority, and a server_name that the certificate has',
  ],
  [
    /malformed HTTP|EOF|connection reset/i,
    'where the endpoint serves HTTPS, set `scheme: https` in the job; else look at its log',
  ],
  [
    /sample_limit|sample limit/i,
    'raise sample_limit of the job, or leave series out with metrics.filter: at present none is stored',
  ],
  [/label.*limit|label_limit/i, 'raise the label limits of the job: at present nothing of it is stored'],
  [/body.*size|body_size_limit/i, 'raise body_size_limit of the job, or leave series out with metrics.filter'],
  [/Content-Type/i, 'scrape the platform itself and not what changes its headers, or set fallback_scrape_protocol'],
];

function remedyOf(lastError: string): string {
  const found = REMEDIES.find(([pattern]) => pattern.test(lastError));
  return (
    found?.[1] ?? 'look for this message in the log of Prometheus, and scrape the address by hand from where it runs'
  );
}

/** Whether Prometheus scrapes often enough, in time, and has done so lately by its own clock. */
export function scrapes(target: ActiveTarget, nowMs: number | undefined): Check {
  const name = 'prometheus-scrape';
  const { lastScrape, lastScrapeDuration, scrapeInterval, scrapeTimeout } = target;
  if (isNever(lastScrape)) return skipped(name, 'not scraped yet');
  const interval = durationMs(scrapeInterval);
  const timeout = durationMs(scrapeTimeout);
  const took = lastScrapeDuration * 1000;
  const age = nowMs === undefined ? undefined : Math.max(0, nowMs - Date.parse(lastScrape));
  const seen = [
    interval === undefined ? '' : `every ${scrapeInterval}`,
    age === undefined ? '' : `last ${(age / 1000).toFixed(0)} s ago`,
    `took ${took.toFixed(0)} ms${timeout === undefined ? '' : ` of ${scrapeTimeout}`}`,
  ]
    .filter(Boolean)
    .join(', ');
  // A scrape that is under way counts only when it is done.
  if (age !== undefined && interval !== undefined && age > 2 * interval + (timeout ?? interval)) {
    const remedy = 'Prometheus is overloaded or stands still: look at its CPU, its disk and its log';
    return failed(name, { seen: `${seen}: no scrape for more than two intervals`, remedy });
  }
  const late: Fault | undefined =
    timeout !== undefined && took > NEARLY * timeout
      ? { seen, remedy: 'it is about to time out: raise scrape_timeout, or leave series out with metrics.filter' }
      : undefined;
  if (late !== undefined) return warning(name, late);
  if (interval !== undefined && interval > LONGEST_INTERVAL_MS) {
    const remedy = 'the documented rates over one minute need two samples: set scrape_interval to 15s, 30s at most';
    return warning(name, { seen, remedy });
  }
  return ok(name, seen);
}

function isNever(time: string): boolean {
  const at = Date.parse(time);
  return Number.isNaN(at) || at <= 0;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** Prometheus writes durations as `1m30s`. */
export function durationMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:\d+(?:ms|[smhdwy]))+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!, 0);
}
