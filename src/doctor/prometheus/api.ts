import type { Fault } from '../check.ts';
import type { Endpoint } from '../endpoint.ts';
import { type Answer, type GetOptions, httpGet } from '../http-get.ts';
import { silenceFault } from '../silence.ts';

/** Data of the answer, with when it was asked and answered by the clock here; or what is wrong. */
export type ApiResult<T> =
  | { readonly data: T; readonly sentAt: number; readonly receivedAt: number }
  | { readonly fault: Fault };

export interface Vector {
  readonly result: readonly { readonly metric: Readonly<Record<string, string>>; readonly value: [number, string] }[];
}

/** The HTTP API of a Prometheus, below the path of its address. */
export class PrometheusApi {
  readonly url: URL;
  readonly #endpoint: Endpoint;
  readonly #options: GetOptions;

  constructor(endpoint: Endpoint, options: GetOptions) {
    const { authorization } = endpoint;
    this.url = endpoint.url;
    this.#endpoint = endpoint;
    this.#options = { ...options, ...(authorization !== undefined && { headers: { authorization } }) };
  }

  async get<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<ApiResult<T>> {
    const url = new URL(this.url);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/api/v1/${path}`;
    url.search = new URLSearchParams(parameters).toString();
    const answer = await httpGet(url, this.#options);
    if (answer.kind === 'none') {
      const start = 'start Prometheus, or name its address in --prometheus (it listens on port 9090 by default)';
      return { fault: silenceFault(answer, url, { what: 'Prometheus', start }) };
    }
    const body = parsed(answer.body);
    if (body?.status === 'success' && body.data !== undefined) {
      return { data: body.data as T, sentAt: answer.sentAt, receivedAt: answer.receivedAt };
    }
    return { fault: this.#fault(answer, url, body?.error) };
  }

  query(expression: string): Promise<ApiResult<Vector>> {
    return this.get<Vector>('query', { query: expression });
  }

  #fault({ status, headers }: Answer, url: URL, error: string | undefined): Fault {
    const said = error === undefined ? '' : `: ${error}`;
    const seen = `${url.origin}${url.pathname} answered ${status}${said}`;
    if (status === 401 || status === 403) {
      const has = this.#endpoint.authorization !== undefined;
      return {
        seen,
        remedy: has
          ? 'these credentials do not open it: check --prometheus-user or --prometheus-token'
          : 'give its credentials with --prometheus-user or --prometheus-token',
      };
    }
    if (status >= 300 && status < 400) {
      return {
        seen: `${seen}, to ${headers.location ?? 'nowhere'}`,
        remedy: 'give the address it leads to in --prometheus',
      };
    }
    if (status === 503) return { seen, remedy: 'Prometheus is starting or replays its log: try again in a moment' };
    return {
      seen: error === undefined ? `${seen}, not as Prometheus does` : seen,
      remedy:
        'check the address in --prometheus: that of its page, with the prefix of --web.external-url or --web.route-prefix where it has one',
    };
  }
}

interface Envelope {
  readonly status?: string;
  readonly data?: unknown;
  readonly error?: string;
}

function parsed(body: Buffer): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Envelope) : undefined;
  } catch {
    return undefined;
  }
}
