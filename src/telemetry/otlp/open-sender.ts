import type { Environment } from '../../connectors/environment.ts';
import { DataflowError, describeProblem, type Problem } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type OtlpConfig, otlpUrl } from './otlp-config.ts';
import { type Headers, hiderOf, resolveHeaders } from './otlp-headers.ts';
import type { Delivery, OtlpSender } from './otlp-sender.ts';
import { readTlsFiles, type TlsFiles } from './tls-files.ts';

const USER_AGENT = 'dataflow-platform';
/** Characters of what a backend says that are shown. */
const LONGEST_REASON = 1000;

/**
 * What can be known before the first export: whether the headers can be sent, and the TLS files read. A variable that a
 * header refers to may still be set until then.
 *
 * @throws DATAFLOW_ERR_CONFIG_INVALID with every problem; a value of a header is in none.
 */
export function checkSender(config: OtlpConfig, env: Environment): void {
  settingsOf(config, env, true);
}

/**
 * The sender of the protocol, loaded now. References in headers are resolved here and kept nowhere else; what a backend
 * says is without their values.
 * Rejects with DATAFLOW_ERR_CONFIG_INVALID when a header refers to a variable that is not set, and for what
 * `checkSender` throws.
 */
export async function openSender(config: OtlpConfig, env: Environment, clock: Clock): Promise<OtlpSender> {
  const { protocol, compression } = config;
  const { headers, tls } = settingsOf(config, env, false);
  const common = { url: otlpUrl(config), headers, compression, userAgent: USER_AGENT, tls };
  if (protocol === 'grpc') {
    const { GrpcSender } = await import('./grpc-sender.ts');
    return withoutSecrets(new GrpcSender(common), headers);
  }
  const { HttpSender } = await import('./http-sender.ts');
  return withoutSecrets(new HttpSender({ ...common, now: () => clock.now() }), headers);
}

function settingsOf(config: OtlpConfig, env: Environment, isStart: boolean): { headers: Headers; tls: TlsFiles } {
  const { headers, problems } = resolveHeaders(config, env, isStart);
  const isSecure = otlpUrl(config).startsWith('https:');
  const { tls, problems: tlsProblems } = isSecure ? readTlsFiles(env) : { tls: {}, problems: [] };
  const all: Problem[] = [...problems, ...tlsProblems];
  if (all.length === 0) return { headers, tls };
  const list = all.map(describeProblem).join('; ');
  throw new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', `metrics cannot be pushed over OTLP: ${list}`, {
    problems: all,
  });
}

function withoutSecrets(sender: OtlpSender, headers: Headers): OtlpSender {
  const hide = hiderOf(headers);
  // A line break in what a backend says would begin a line of the log that nobody here wrote.
  const shown = (text: string): string =>
    hide(text)
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .trim()
      .slice(0, LONGEST_REASON);
  return {
    close: () => sender.close(),
    async send(metrics, timeoutMs): Promise<Delivery> {
      const delivery = await sender.send(metrics, timeoutMs);
      if (delivery.status !== 'taken') return { ...delivery, reason: shown(delivery.reason) };
      return delivery.partial === undefined ? delivery : { ...delivery, partial: shown(delivery.partial) };
    },
  };
}
