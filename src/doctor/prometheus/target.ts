import { type Check, failed, listed, ok, warning } from '../check.ts';
import { isHere, isLoopback } from '../hosts.ts';

/** What `/api/v1/targets` says of one. Labels are those after relabeling. */
export interface ActiveTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly health: 'up' | 'down' | 'unknown';
  readonly lastError: string;
  readonly lastScrape: string;
  /** Seconds. */
  readonly lastScrapeDuration: number;
  /** `15s`; not before Prometheus 2.28. */
  readonly scrapeInterval?: string;
  readonly scrapeTimeout?: string;
}

export interface Targets {
  readonly activeTargets: readonly ActiveTarget[];
  readonly droppedTargets?: readonly Pick<ActiveTarget, 'discoveredLabels'>[] | null;
}

export interface FoundTarget {
  readonly target: ActiveTarget | undefined;
  readonly check: Check;
}

const NAME = 'prometheus-target';

/**
 * The target by its address, whichever of its names is used for this machine; else by port and path under a foreign host
 * name, as in a container; else by the job.
 */
export function findTarget(targets: Targets, url: URL, prometheus: URL, jobs: readonly string[]): FoundTarget {
  const { activeTargets, droppedTargets } = targets;
  const exact = activeTargets.find(({ scrapeUrl }) => isSame(scrapeUrl, url, prometheus));
  if (exact !== undefined) return { target: exact, check: ok(NAME, described(exact)) };
  const ofJob = activeTargets.filter(({ labels }) => jobs.includes(labels.job ?? ''));
  const elsewhere = ofJob.find(({ scrapeUrl }) => hasPortAndPath(scrapeUrl, url));
  if (elsewhere !== undefined) {
    return {
      target: elsewhere,
      check: ok(NAME, `${described(elsewhere)}, taken for ${url.href} under another host name`),
    };
  }
  const [first] = ofJob.filter(({ health }) => health === 'up').concat(ofJob);
  const wanted = `targets: ['${address(url)}']`;
  if (first !== undefined) {
    const seen = `no target has the address ${url.href}; ${listed(ofJob.map(described), 3)}`;
    const remedy = `where none of them is this endpoint under another address, write ${wanted} into static_configs of the job and reload Prometheus`;
    return { target: first, check: (first.health === 'up' ? warning : failed)(NAME, { seen, remedy }) };
  }
  const dropped = droppedTargets?.some(({ discoveredLabels }) => discoveredLabels.__address__ === address(url));
  if (dropped === true) {
    return {
      target: undefined,
      check: failed(NAME, {
        seen: `${address(url)} was discovered and dropped by relabel_configs`,
        remedy: 'change the rule that drops it; /service-discovery of Prometheus shows the labels it judges by',
      }),
    };
  }
  const others = activeTargets.length === 0 ? 'it has no targets' : listed(activeTargets.map(described), 3);
  return {
    target: undefined,
    check: failed(NAME, {
      seen: `no target has the address ${url.href}, and there is no job ${jobs.join(' or ')}; ${others}`,
      remedy: `add { job_name: ${jobs[0]}, static_configs: [{ ${wanted} }] } to scrape_configs and reload Prometheus`,
    }),
  };
}

function described({ labels, scrapeUrl, health }: ActiveTarget): string {
  return `job ${labels.job ?? 'none'} scrapes ${scrapeUrl} (${health})`;
}

function address(url: URL): string {
  return `${url.hostname}:${portOf(url)}`;
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

function hasPortAndPath(text: string, url: URL): boolean {
  const scraped = URL.canParse(text) ? new URL(text) : undefined;
  return scraped !== undefined && portOf(scraped) === portOf(url) && scraped.pathname === url.pathname;
}

/** A loopback address means this machine only to a Prometheus that is on it. */
function isSame(text: string, url: URL, prometheus: URL): boolean {
  if (!hasPortAndPath(text, url)) return false;
  const scraped = new URL(text).hostname;
  if (isLoopback(scraped) && !isHere(prometheus.hostname)) return false;
  return scraped === url.hostname || (isHere(scraped) && isHere(url.hostname));
}
