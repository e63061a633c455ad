/**
 * Owns who may read and who may write. Owns no route.
 *
 * R1 On a loopback address the name in Host must be one of this machine's own, with the right port: a name of a foreign
 *    site that was made to point here is refused (DNS rebinding).
 * R2 A write, and any request to the API, that a browser sends for another site is refused. No answer allows another
 *    origin to read it.
 * R3 Where a token is configured it is wanted, for reads too unless those are public; it is compared in constant time
 *    and is in no message. An address beyond loopback is never served without one.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Environment } from '../../connectors/environment.ts';
import { DataflowError } from '../../errors.ts';
import { type Access, accessFor } from '../access.ts';

export interface GuardOptions {
  readonly host: string;
  /** What writes, and reads that are not public, must present; `${NAME}` stands for a variable. */
  readonly token?: string | undefined;
  readonly publicRead: boolean;
  readonly env: Environment;
}

export interface GuardedRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** False for the page itself, which holds nothing and has to be there to ask for the token. */
  readonly isApi: boolean;
}

export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

export function isWrite(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
}

export class Guard {
  readonly #access: Access | undefined;
  readonly #publicRead: boolean;
  readonly #ownNames: ReadonlySet<string> | undefined;
  /** Known once the server listens. */
  port = 0;

  /** @throws DATAFLOW_ERR_CONFIG_INVALID for an address beyond loopback without a token, or a token without a value. */
  constructor({ host, token, publicRead, env }: GuardOptions) {
    if (token === undefined && !isLoopback(host)) {
      throw new DataflowError(
        'DATAFLOW_ERR_CONFIG_INVALID',
        `The status page cannot be served on ${host} without a token, since others could steer the pipelines: set statusPage.token (or DATAFLOW_STATUS_PAGE_TOKEN), or set statusPage.host to 127.0.0.1.`,
        {
          problems: [
            { path: 'statusPage.token', expected: 'a token, since statusPage.host is not loopback', got: 'nothing' },
          ],
        },
      );
    }
    this.#access =
      token === undefined
        ? undefined
        : accessFor({ bearer: { token } }, env, { settingOf: () => 'statusPage.token', realm: 'status page' });
    this.#publicRead = publicRead;
    if (isLoopback(host)) this.#ownNames = new Set(['localhost', '127.0.0.1', '[::1]', bracketed(host.toLowerCase())]);
  }

  get wantsToken(): boolean {
    return this.#access !== undefined;
  }

  /** @throws DATAFLOW_ERR_API_FORBIDDEN, DATAFLOW_ERR_API_UNAUTHORIZED */
  check(request: GuardedRequest): void {
    const { headers, method, isApi } = request;
    if (!this.#isOwnHost(headers.host)) {
      throw forbidden(
        'The name in the Host header is not one of this machine: open the status page as localhost or by its address.',
      );
    }
    if (isApi && !isSameSite(headers, isWrite(method))) {
      throw forbidden(
        'The request came from another site: use the status page itself, or a client that is no browser.',
      );
    }
    if (!isApi || this.#access === undefined || (this.#publicRead && !isWrite(method))) return;
    if (this.#access.allows(headers.authorization)) return;
    throw new DataflowError(
      'DATAFLOW_ERR_API_UNAUTHORIZED',
      'The token is missing or wrong: send Authorization: Bearer with the value of statusPage.token.',
    );
  }

  #isOwnHost(host: string | undefined): boolean {
    if (this.#ownNames === undefined) return true;
    const [, name = '', port = '80'] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(host?.toLowerCase() ?? '') ?? [];
    return this.#ownNames.has(name) && Number(port) === this.port;
  }
}

/** What a browser says of where a request comes from. Other clients say nothing of it, and are no danger. */
function isSameSite(headers: IncomingHttpHeaders, isWriting: boolean): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const { origin } = headers;
  if (origin === undefined || !isWriting) return true;
  // The scheme may be that of a proxy in front.
  return origin.toLowerCase().replace(/^https?:\/\//, '') === headers.host?.toLowerCase();
}

function forbidden(message: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_API_FORBIDDEN', message);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
