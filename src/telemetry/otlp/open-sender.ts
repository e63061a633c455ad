import type { Environment } from '../../connectors/environment.ts';
import { resolveEnvironment } from '../../connectors/environment.ts';
import { DataflowError, describeProblem, type Problem } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { isSendable, type OtlpConfig, otlpUrl } from './otlp-config.ts';
import type { OtlpSender } from './otlp-sender.ts';
import { readTlsFiles } from './tls-files.ts';

const USER_AGENT = 'dataflow-platform';

/**
 * The sender of the protocol, loaded now. References in headers are resolved here and kept nowhere else.
 * Rejects with DATAFLOW_ERR_CONFIG_INVALID when a header refers to a variable that is not set or holds what no header
 * can, and when a file of the TLS settings cannot be read.
 */
export async function openSender(config: OtlpConfig, env: Environment, clock: Clock): Promise<OtlpSender> {
  const { protocol, compression } = config;
  const headers = resolveHeaders(config.headers, env);
  const url = otlpUrl(config);
  const tls = url.startsWith('https:') ? await readTlsFiles(env) : {};
  const common = { url, headers, compression, userAgent: USER_AGENT, tls };
  if (protocol === 'grpc') {
    const { GrpcSender } = await import('./grpc-sender.ts');
    return new GrpcSender(common);
  }
  const { HttpSender } = await import('./http-sender.ts');
  return new HttpSender({ ...common, now: () => clock.now() });
}

/** The messages name the header and never its value. */
function resolveHeaders(headers: OtlpConfig['headers'], env: Environment): Record<string, string> {
  const problems: Problem[] = [];
  const resolved = Object.entries(headers).map(([name, text]) => {
    const path = `metrics.otlp.headers.${name}`;
    let value = '';
    try {
      value = resolveEnvironment(text, env);
      if (!isSendable(name, value)) problems.push({ path, expected: 'a text of one line', got: 'a value (hidden)' });
    } catch {
      problems.push({ path, expected: 'variables that are set', got: text.match(/\$\{\w+\}/g)?.join(', ') ?? 'none' });
    }
    return [name, value] as const;
  });
  if (problems.length === 0) return Object.fromEntries(resolved);
  const list = problems.map(describeProblem).join('; ');
  throw new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', `the headers of the exports cannot be made: ${list}`, {
    problems,
  });
}
