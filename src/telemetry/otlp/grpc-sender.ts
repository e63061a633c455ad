/**
 * Owns the channel to a backend over OTLP/gRPC. Does not own when something is sent.
 *
 * R1 One call for each export: what may pass is reported with the pause that the backend asks for, and whoever called
 *    tries again.
 * R2 The library keeps the process alive while a call is in progress, so a process that is not shut down ends after the
 *    timeout of one export at the latest.
 */
import { Client, type ClientUnaryCall, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { messageOf } from '../../errors.ts';
import { encodeExport, takenBy } from './otlp-message.ts';
import type { Delivery, OtlpSender } from './otlp-sender.ts';
import { retryDelayOf } from './retry-info.ts';
import type { TlsFiles } from './tls-files.ts';

const EXPORT = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';

/** What the specification lets a client send again; RESOURCE_EXHAUSTED only where the backend says when. */
const PASSING_STATUS = [
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
];

const COMPRESSION = { none: 0, gzip: 2 } as const;

export interface GrpcSenderOptions {
  /** Scheme, host and port. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly compression: keyof typeof COMPRESSION;
  readonly userAgent: string;
  readonly tls: TlsFiles;
}

export class GrpcSender implements OtlpSender {
  readonly #client: Client;
  readonly #metadata = new Metadata();
  readonly #inProgress = new Set<ClientUnaryCall>();

  constructor({ url, headers, compression, userAgent, tls }: GrpcSenderOptions) {
    const { protocol, hostname, port } = new URL(url);
    const { ca = null, key = null, cert = null } = tls;
    const isPlain = protocol === 'http:';
    this.#client = new Client(
      `${hostname}:${port || (isPlain ? 80 : 443)}`,
      isPlain ? credentials.createInsecure() : credentials.createSsl(ca, key, cert),
      {
        'grpc.default_compression_algorithm': COMPRESSION[compression],
        'grpc.primary_user_agent': userAgent,
        'grpc.enable_retries': 0,
        // As long as a pause of ours may be: a channel that waits longer would refuse a backend that is back.
        'grpc.max_reconnect_backoff_ms': 20_000,
      },
    );
    for (const [name, value] of Object.entries(headers)) this.#metadata.set(name, value);
  }

  async send(metrics: ResourceMetrics, timeoutMs: number): Promise<Delivery> {
    try {
      return await this.#call(encodeExport(metrics), timeoutMs);
    } catch (error) {
      return { status: 'refused', reason: messageOf(error) };
    }
  }

  close(): void {
    for (const call of this.#inProgress) call.cancel();
    this.#client.close();
  }

  #call(body: Buffer, timeoutMs: number): Promise<Delivery> {
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(
        EXPORT,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        body,
        this.#metadata,
        { deadline: Date.now() + timeoutMs },
        (error, answer) => {
          this.#inProgress.delete(call);
          resolve(error === null ? takenBy(answer ?? Buffer.alloc(0)) : failureOf(error));
        },
      );
      this.#inProgress.add(call);
    });
  }
}

function failureOf({ code, details, metadata }: ServiceError): Delivery {
  const reason = `gRPC ${code} ${status[code] ?? 'UNKNOWN'}: ${details}`;
  const [trailer] = metadata?.get('grpc-status-details-bin') ?? [];
  const retryAfterMs = Buffer.isBuffer(trailer) ? retryDelayOf(trailer) : undefined;
  const mayPass = PASSING_STATUS.includes(code) || (code === status.RESOURCE_EXHAUSTED && retryAfterMs !== undefined);
  if (!mayPass) return { status: 'refused', reason };
  return { status: 'failed', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}
