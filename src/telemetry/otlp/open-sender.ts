import type { Environment } from '../../connectors/environment.ts';
import { resolveEnvironment } from '../../connectors/environment.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type OtlpConfig, otlpUrl } from './otlp-config.ts';
import type { OtlpSender } from './otlp-sender.ts';
import { readTlsFiles } from './tls-files.ts';

const USER_AGENT = 'dataflow-platform';

/**
 * The sender of the protocol, loaded now. References in headers are resolved here and kept nowhere else.
 * Rejects with DATAFLOW_ERR_CONNECTOR_INVALID when a header refers to a variable that is not set, and when a file of the
 * TLS settings cannot be read.
 */
export async function openSender(config: OtlpConfig, env: Environment, clock: Clock): Promise<OtlpSender> {
  const { protocol, compression } = config;
  const headers = resolveEnvironment(config.headers, env);
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
