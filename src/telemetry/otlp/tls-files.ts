import { readFile } from 'node:fs/promises';
import type { Environment } from '../../connectors/environment.ts';

/** PEM texts for a connection over TLS; absent ones are the system's own, or none. */
export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** The files that OTEL_EXPORTER_OTLP_*CERTIFICATE and *CLIENT_KEY name. Rejects when one of them cannot be read. */
export async function readTlsFiles(env: Environment): Promise<TlsFiles> {
  const [ca, cert, key] = await Promise.all([
    pem(env, 'CERTIFICATE'),
    pem(env, 'CLIENT_CERTIFICATE'),
    pem(env, 'CLIENT_KEY'),
  ]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

async function pem(env: Environment, name: string): Promise<Buffer | undefined> {
  const path = env[`OTEL_EXPORTER_OTLP_METRICS_${name}`]?.trim() || env[`OTEL_EXPORTER_OTLP_${name}`]?.trim();
  return path ? await readFile(path) : undefined;
}
