/** Which headers an export can carry over each protocol, and how their values stay out of what is shown. */
import { type Environment, resolveEnvironment } from '../../connectors/environment.ts';
import { HIDDEN } from '../../domain/secrets.ts';
import type { Problem } from '../../errors.ts';
import type { OtlpConfig, OtlpProtocol } from './otlp-config.ts';

export type Headers = Readonly<Record<string, string>>;

/** They belong to the connection or to the message, and would break either. */
const OF_THE_CONNECTION = [
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

interface Rules {
  readonly name: RegExp;
  readonly value: RegExp;
  readonly expected: string;
}

const RULES: Readonly<Record<OtlpProtocol, Rules>> = {
  'http/protobuf': {
    name: /^[\w!#$%&'*+.^`|~-]+$/,
    value: /^[\t\x20-\x7e]*$/,
    expected: 'a text of one line of ASCII characters',
  },
  // A name in `-bin` stands for bytes, and those in `grpc-` are the protocol's own.
  grpc: {
    name: /^(?!grpc-)(?!.*-bin$)[0-9a-z_.-]+$/i,
    value: /^[\x20-\x7e]*$/,
    expected: 'a text of printable ASCII characters',
  },
};

/**
 * The headers with every reference resolved, and what is wrong with them. Problems name the header, never its value.
 *
 * @param isStart a variable that is not set is no problem yet.
 */
export function resolveHeaders(
  { headers, protocol }: Pick<OtlpConfig, 'headers' | 'protocol'>,
  env: Environment,
  isStart: boolean,
): { readonly headers: Headers; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const { name: names, value: values, expected } = RULES[protocol];
  const resolved: [string, string][] = [];
  for (const [name, text] of Object.entries(headers)) {
    const path = `metrics.otlp.headers.${name}`;
    if (OF_THE_CONNECTION.includes(name.toLowerCase()) || !names.test(name)) {
      problems.push({ path, expected: `another name: ${protocol} keeps this one for itself`, got: name });
      continue;
    }
    try {
      const value = resolveEnvironment(text, env);
      if (values.test(value)) resolved.push([name, value]);
      else problems.push({ path, expected, got: 'a value (hidden)' });
    } catch {
      const got = text.match(/\$\{\w+\}/g)?.join(', ') ?? 'none';
      if (!isStart) problems.push({ path, expected: 'variables that are set', got });
    }
  }
  return { headers: Object.fromEntries(resolved), problems };
}

/** What is shorter is no secret, and stands in many a text by chance. */
const SHORTEST_SECRET = 4;
const SHORTEST_WORD = 8;

/** Hides the values wherever they stand in a text, and the token of one that begins with its scheme. */
export function hiderOf(headers: Headers): (text: string) => string {
  const secrets = Object.values(headers)
    .flatMap((value) => [
      ...(value.trim().length >= SHORTEST_SECRET ? [value.trim()] : []),
      ...value.split(/\s+/).filter((word) => word.length >= SHORTEST_WORD),
    ])
    // One may be a part of another.
    .sort((one, other) => other.length - one.length);
  return (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text);
}
