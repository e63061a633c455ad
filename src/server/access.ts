import { createHash, timingSafeEqual } from 'node:crypto';
import { type Environment, resolveEnvironment } from '../connectors/environment.ts';
import { DataflowError } from '../errors.ts';
import type { PrometheusConfig } from '../telemetry/telemetry-config.ts';

export interface Access {
  /** Whether the value of an Authorization header opens the endpoint. */
  allows(authorization: string | undefined): boolean;
  /** What WWW-Authenticate says to a client that may not pass. */
  readonly challenges: readonly string[];
}

export interface AccessNames {
  /** The setting that holds a secret, for messages. */
  settingOf(secret: 'basic.username' | 'basic.password' | 'bearer.token'): string;
  readonly realm: string;
}

const METRICS: AccessNames = { settingOf: (secret) => `metrics.prometheus.auth.${secret}`, realm: 'metrics' };

/** Whether a header holds it as one word of ASCII: everything visible. */
export function isPresentable(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}

/**
 * Resolves references in the secrets now; only digests are kept. Undefined: open to everyone.
 * @throws DATAFLOW_ERR_CONFIG_INVALID when a reference has no value, a secret is empty, or a token cannot be presented.
 */
export function accessFor(
  auth: PrometheusConfig['auth'],
  env: Environment,
  { settingOf, realm }: AccessNames = METRICS,
): Access | undefined {
  const { basic, bearer } = auth ?? {};
  const expected: { readonly scheme: string; readonly digest: Buffer }[] = [];
  const challenges: string[] = [];
  if (basic !== undefined) {
    const username = resolved(basic.username, settingOf('basic.username'), env);
    const password = resolved(basic.password, settingOf('basic.password'), env);
    expected.push({ scheme: 'basic', digest: digest(Buffer.from(`${username}:${password}`)) });
    challenges.push(`Basic realm="${realm}", charset="UTF-8"`);
  }
  if (bearer !== undefined) {
    const path = settingOf('bearer.token');
    const token = resolved(bearer.token, path, env);
    if (!isPresentable(token)) throw notPresentable(path);
    expected.push({ scheme: 'bearer', digest: digest(Buffer.from(token)) });
    challenges.push(`Bearer realm="${realm}"`);
  }
  if (expected.length === 0) return undefined;
  return {
    challenges,
    allows(authorization) {
      const [, scheme = '', credentials = ''] = /^(\S+) +(\S+) *$/.exec(authorization ?? '') ?? [];
      const given = scheme.toLowerCase();
      // Digests are of one length, so that the comparison takes the same time whatever is given.
      const presented = digest(Buffer.from(credentials, given === 'basic' ? 'base64' : 'utf8'));
      return expected.some((secret) => secret.scheme === given && timingSafeEqual(secret.digest, presented));
    },
  };
}

function digest(secret: Buffer): Buffer {
  return createHash('sha256').update(secret).digest();
}

function resolved(text: string, path: string, env: Environment): string {
  let value = '';
  let got = 'an empty text';
  try {
    value = resolveEnvironment(text, env);
  } catch {
    got = 'a variable that is not set';
  }
  if (value !== '') return value;
  throw invalid(path, {
    expected: 'a secret',
    got,
    remedy: 'set the variable that it refers to, or take the setting away',
  });
}

/** Without its value: it is a secret. */
function notPresentable(path: string): DataflowError {
  return invalid(path, {
    expected: 'a token of visible ASCII characters',
    got: 'a token with a blank, a line break or a character beyond ASCII',
    remedy: 'no client can present it, so write another one, and look for a line break at the end of the variable',
  });
}

function invalid(
  path: string,
  { expected, got, remedy }: Readonly<Record<'expected' | 'got' | 'remedy', string>>,
): DataflowError {
  return new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', `${path} is ${got}: ${remedy}.`, {
    problems: [{ path, expected, got }],
  });
}
