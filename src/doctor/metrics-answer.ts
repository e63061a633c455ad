import { type Check, type Fault, failed, ok, warning } from './check.ts';
import type { TextFormat } from './exposition.ts';
import type { Answer } from './http-get.ts';

const KILO = 1000;

/** Whether the answer of a metrics endpoint is metrics at all. */
export function reachable({ status, headers, body, tookMs }: Answer, url: URL, hasCredentials: boolean): Check {
  const name = 'reachable';
  if (status !== 200) {
    return failed(name, statusFault(status, headers.location, firstLine(body), url, hasCredentials));
  }
  const foreign = foreignBody(String(headers['content-type'] ?? ''), body);
  if (foreign !== undefined) {
    return failed(name, {
      seen: `${url.href} answers with ${foreign}, not with metrics`,
      remedy: 'check port and path: the platform serves metrics under /metrics, by default on port 9095',
    });
  }
  return ok(name, `${url.href} answered in ${Math.round(tookMs)} ms with ${size(body.length)}`);
}

function statusFault(
  status: number,
  location: string | undefined,
  reason: string,
  url: URL,
  hasCredentials: boolean,
): Fault {
  const seen = `${url.href} answered ${status}${reason === '' ? '' : `: ${reason}`}`;
  if (status >= 300 && status < 400) {
    const to = location === undefined ? '' : ` to ${location}`;
    return {
      seen: `${url.href} redirects${to} (${status})`,
      remedy:
        'give the address it leads to, here and in the scrape configuration: credentials do not follow a redirect',
    };
  }
  if (status === 401 || status === 403) {
    const remedy = hasCredentials
      ? 'the credentials are not those of metrics.prometheus.auth of that process: compare them'
      : 'give the credentials of metrics.prometheus.auth of that process with --token or --user';
    return { seen, remedy };
  }
  if (status === 404)
    return { seen, remedy: 'check the path: the platform serves metrics under /metrics; and the port' };
  if (status === 503) return { seen, remedy: 'the process could not collect its metrics: its answer and log say why' };
  if (status >= 500) return { seen, remedy: 'what answers there, or a proxy before it, is faulty: its log says why' };
  return { seen, remedy: 'check that the address is that of the metrics and not of something else' };
}

function firstLine(body: Buffer): string {
  const text = body.subarray(0, 2000).toString('utf8').trim();
  return looksLikeMarkup(text) ? '' : (text.split('\n')[0]?.slice(0, 300) ?? '');
}

function looksLikeMarkup(text: string): boolean {
  return /^\s*<(?:!doctype|html|\?xml|head|body)/i.test(text);
}

function foreignBody(contentType: string, body: Buffer): string | undefined {
  const start = body.subarray(0, 500).toString('utf8');
  if (looksLikeMarkup(start) || /html|xml/i.test(contentType)) return 'a web page';
  if (/^\s*[{[]/.test(start) || /json/i.test(contentType)) return 'JSON';
  return start.trim() === '' ? 'nothing' : undefined;
}

/** The format that Prometheus would read the answer as, and whether it can know. */
export function contentType({ headers }: Answer): { readonly format: TextFormat; readonly check: Check } {
  const name = 'content-type';
  const text = String(headers['content-type'] ?? '');
  const [media = '', ...parameters] = text
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const version = parameters.find((part) => part.startsWith('version='))?.slice('version='.length);
  const format = media === 'application/openmetrics-text' ? 'openmetrics' : 'classic';
  const versions = format === 'openmetrics' ? ['1.0.0', '0.0.1'] : ['0.0.4'];
  if (media === 'text/plain' || format === 'openmetrics') {
    if (version !== undefined && versions.includes(version)) return { format, check: ok(name, text) };
    return {
      format,
      check: warning(name, {
        seen: `${text} does not say a known version of the format`,
        remedy: `the header must say version=${versions[0]}; look at the proxy between here and the platform`,
      }),
    };
  }
  return {
    format,
    check: failed(name, {
      seen: text === '' ? 'the answer has no content type' : `the content type is ${text}`,
      remedy: `Prometheus 3 refuses this: it must be text/plain; version=0.0.4; look at the proxy between here and the platform`,
    }),
  };
}

export function size(bytes: number): string {
  if (bytes < KILO) return `${bytes} bytes`;
  return bytes < KILO * KILO ? `${(bytes / KILO).toFixed(1)} kB` : `${(bytes / KILO / KILO).toFixed(1)} MB`;
}
