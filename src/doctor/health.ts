import { type Check, failed, ok, warning } from './check.ts';
import { type Answer, type GetOptions, httpGet, type NoAnswer } from './http-get.ts';
import { silenceFault } from './silence.ts';

/** What `/-/healthy` and `/-/ready` beside this endpoint answer; they ask for no credentials. */
export async function health(metrics: URL, options: GetOptions): Promise<Check> {
  const name = 'health';
  const [healthy, ready] = await Promise.all(
    ['healthy', 'ready'].map((path) => httpGet(beside(metrics, path), options)),
  );
  for (const answer of [healthy!, ready!]) {
    if (answer.kind === 'none') return failed(name, silence(answer, metrics));
  }
  const [healthyStatus, readyStatus] = [healthy, ready].map((answer) => (answer as Answer).status);
  if (healthyStatus === 200 && readyStatus === 200) return ok(name, 'healthy and ready');
  if (healthyStatus === 200 && readyStatus === 503) {
    return warning(name, {
      seen: 'healthy, not ready: pipelines are being recovered, or the platform is shutting down',
      remedy:
        'wait; where it lasts, the journal is large or slow: its log and dataflow_recovery_duration_seconds say more',
    });
  }
  if (healthyStatus === 404 && readyStatus === 404) {
    return warning(name, {
      seen: 'no /-/healthy and /-/ready beside the metrics',
      remedy:
        'a proxy that passes only /metrics, or the server of a host application: let probes go to the platform itself',
    });
  }
  return failed(name, {
    seen: `/-/healthy answered ${healthyStatus}, /-/ready ${readyStatus}`,
    remedy: 'both should answer 200: look at the log of the process, and at a proxy before it',
  });
}

function silence(answer: NoAnswer, metrics: URL) {
  return silenceFault(answer, metrics, { what: 'the platform', start: 'start the platform again' });
}

function beside(metrics: URL, path: string): URL {
  const url = new URL(metrics);
  url.pathname = `${url.pathname.replace(/[^/]*$/, '')}-/${path}`;
  url.search = '';
  return url;
}
