import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { Environment } from '../../connectors/environment.ts';
import { resolveEnvironment } from '../../connectors/environment.ts';
import { type OtlpConfig, otlpUrl } from './otlp-config.ts';

/**
 * An export in progress must not keep a process alive that has nothing else to do. Nor must the exporter's own retries,
 * whose timers do: a lost connection gets a code that the exporter does not retry, and the queue does.
 */
function letGo<A extends http.Agent>(agent: A): A {
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket, request) => {
    reuse(socket, request);
    (socket as Socket).unref();
  };
  agent.on('free', (socket: Socket) => socket.unref());
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = create(options, callback) as Socket | null | undefined;
    socket?.unref();
    socket?.prependListener('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== undefined) error.code = `CONNECTION_${error.code}`;
    });
    return socket;
  };
  return agent;
}

async function pem(env: Environment, name: string): Promise<Buffer | undefined> {
  const path = env[`OTEL_EXPORTER_OTLP_METRICS_${name}`]?.trim() || env[`OTEL_EXPORTER_OTLP_${name}`]?.trim();
  return path ? await readFile(path) : undefined;
}

async function agentFor(protocol: string, env: Environment): Promise<http.Agent> {
  if (protocol === 'http:') return letGo(new http.Agent({ keepAlive: true }));
  const [ca, cert, key] = await Promise.all([
    pem(env, 'CERTIFICATE'),
    pem(env, 'CLIENT_CERTIFICATE'),
    pem(env, 'CLIENT_KEY'),
  ]);
  return letGo(new https.Agent({ keepAlive: true, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }));
}

/**
 * The official exporter of the protocol, loaded now. References in headers are resolved here and kept nowhere else.
 * Rejects with DATAFLOW_ERR_CONNECTOR_INVALID when a header refers to a variable that is not set.
 */
export async function openExporter(config: OtlpConfig, env: Environment): Promise<PushMetricExporter> {
  const url = otlpUrl(config);
  const headers = resolveEnvironment(config.headers, env);
  const { timeoutMs: timeoutMillis } = config;
  if (config.protocol === 'grpc') {
    const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-grpc');
    const { Metadata } = await import('@grpc/grpc-js');
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return new OTLPMetricExporter({ url, metadata, timeoutMillis });
  }
  const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-proto');
  return new OTLPMetricExporter({
    url,
    headers,
    timeoutMillis,
    httpAgentOptions: (protocol) => agentFor(protocol, env),
  });
}
