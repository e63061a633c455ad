import { type Environment, resolveEnvironment } from '../connectors/environment.ts';
import { DataflowError } from '../errors.ts';
import { isPresentable } from '../server/access.ts';
import type { PrometheusConfig } from '../telemetry/telemetry-config.ts';
import { isHere } from './hosts.ts';

/** An address and what opens it. */
export interface Endpoint {
  /** Without user and password. */
  readonly url: URL;
  readonly authorization?: string;
  /** What must not be shown. */
  readonly secrets: readonly string[];
}

/** Texts of `user` (`name:password`) and `token` may hold `${NAME}`. */
export interface Credentials {
  readonly user?: string | undefined;
  readonly token?: string | undefined;
  /** What gives the token, for messages; default: `--token`. */
  readonly tokenOption?: string;
}

/** An address that was given, with the names of the options for messages. */
export interface Given extends Credentials {
  readonly url: string;
  readonly option: string;
}

/**
 * @throws DATAFLOW_ERR_CLI_USAGE for what is no HTTP address, for references without a value, and for a token that no
 * header can carry.
 */
export function endpointOf(given: Given, env: Environment): Endpoint {
  const { url: text, option, user, tokenOption = '--token' } = given;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The text may hold a password: it is not repeated.
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw usage(`${option} is no address such as http://localhost:9095/metrics`);
  const inUrl = url.username === '' ? undefined : `${decoded(url.username)}:${decoded(url.password)}`;
  url.username = '';
  url.password = '';
  url.hash = '';
  const token = resolved(given.token, env);
  if (token !== undefined && !isPresentable(token)) {
    throw usage(
      `the token of ${tokenOption} is empty, or has a blank, a line break or a character beyond ASCII, so no header can carry it: write it without, and look for a line break at the end of its variable`,
    );
  }
  return { url, ...authorizationOf({ user: resolved(user, env) ?? inUrl, token }) };
}

/**
 * The endpoint that this configuration serves, with its credentials.
 * @throws DATAFLOW_ERR_CLI_USAGE where the configuration does not say where.
 */
export function configuredEndpoint(config: PrometheusConfig, given: Credentials, env: Environment): Endpoint {
  if (config.port === 0) {
    throw usage(
      'metrics.prometheus.port is 0, so the port is known only to the process that took it: name it in --url',
    );
  }
  const open = config.host === '' || config.host === '0.0.0.0' || config.host === '::' ? 'localhost' : config.host;
  const host = open.includes(':') ? `[${open}]` : open;
  const url = `${config.tls === undefined ? 'http' : 'https'}://${host}:${config.port}/metrics`;
  return endpointOf({ url, option: 'metrics.prometheus.host', ...configuredCredentials(config, given) }, env);
}

/** The credentials of the configuration are for the address of the configuration, and for no other. */
export function givenEndpoint(given: Given, config: PrometheusConfig, env: Environment): Endpoint {
  const plain = endpointOf(given, env);
  if (plain.url.pathname === '/') plain.url.pathname = '/metrics';
  const { hostname, port, protocol } = plain.url;
  const isConfigured =
    Number(port || (protocol === 'https:' ? 443 : 80)) === config.port &&
    (isHere(hostname) || hostname === config.host);
  if (plain.authorization !== undefined || !isConfigured) return plain;
  const { url } = plain;
  return endpointOf({ url: url.href, option: given.option, ...configuredCredentials(config, given) }, env);
}

function configuredCredentials({ auth }: PrometheusConfig, given: Credentials): Credentials {
  if (given.user !== undefined || given.token !== undefined) return { user: given.user, token: given.token };
  if (auth?.bearer !== undefined) {
    return { token: auth.bearer.token, tokenOption: 'metrics.prometheus.auth.bearer.token' };
  }
  return auth?.basic === undefined ? {} : { user: `${auth.basic.username}:${auth.basic.password}` };
}

function authorizationOf({ user, token }: Credentials): Pick<Endpoint, 'authorization' | 'secrets'> {
  if (token !== undefined) return { authorization: `Bearer ${token}`, secrets: [token] };
  if (user === undefined) return { secrets: [] };
  const packed = Buffer.from(user).toString('base64');
  const password = user.slice(user.indexOf(':') + 1);
  return { authorization: `Basic ${packed}`, secrets: [password, packed] };
}

function resolved(text: string | undefined, env: Environment): string | undefined {
  if (text === undefined) return undefined;
  try {
    return resolveEnvironment(text, env);
  } catch {
    throw usage('the credentials refer to a variable of the environment that is not set: set it');
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function usage(message: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_CLI_USAGE', message);
}
