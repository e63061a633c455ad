import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { messageOf } from '../../errors.ts';
import { countPoints } from './export-parts.ts';
import type { Delivery } from './otlp-sender.ts';

const compress = promisify(gzip);

/**
 * What both protocols do with an export: it is encoded, and compressed where that is wanted, for `transmit` to bring to the
 * backend. What rejects there is a failure of this process, not of the export: the backend has not seen it.
 */
export async function deliverExport(
  metrics: ResourceMetrics,
  compression: 'none' | 'gzip',
  transmit: (body: Buffer, isCompressed: boolean) => Promise<Delivery>,
): Promise<Delivery> {
  let message: Buffer;
  try {
    message = encodeExport(metrics);
  } catch (error) {
    return { status: 'refused', reason: messageOf(error) };
  }
  const tooLarge = largerThanTaken(metrics, message);
  if (tooLarge !== undefined) return tooLarge;
  try {
    const isCompressed = compression === 'gzip';
    const body = isCompressed ? await compress(message) : message;
    return dividedOrRefused(metrics, await transmit(body, isCompressed));
  } catch (error) {
    return { status: 'failed', reason: messageOf(error) };
  }
}

/** The protobuf message of an export. */
function encodeExport(metrics: ResourceMetrics): Buffer {
  const bytes = ProtobufMetricsSerializer.serializeRequest(metrics);
  if (bytes === undefined) throw new Error('the metrics cannot be encoded as protobuf');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A gRPC server takes 4 MiB unless it is told otherwise, of which proxies may want some. */
const MOST_BYTES = 3 * 1024 * 1024;

/** Undefined for an export that can be sent as it is; one point cannot be divided. */
function largerThanTaken(metrics: ResourceMetrics, message: Buffer): Delivery | undefined {
  if (message.length <= MOST_BYTES || countPoints(metrics) === 1) return undefined;
  return { status: 'large', reason: `${message.length} bytes are more than backends take` };
}

/** A backend that takes so few points is not to be asked for each of them. */
const FEWEST_POINTS = 100;

/** What a backend finds too large is divided, as long as there is sense in it. */
function dividedOrRefused(metrics: ResourceMetrics, delivery: Delivery): Delivery {
  const isFinal = delivery.status === 'large' && countPoints(metrics) <= FEWEST_POINTS;
  return isFinal ? { status: 'refused', reason: delivery.reason } : delivery;
}

/** A backend that answers with success may still have taken a part only. An answer that nobody can read says nothing. */
export function takenBy(answer: Uint8Array): Delivery {
  try {
    const { rejectedDataPoints = 0, errorMessage = '' } =
      (answer.length > 0 && ProtobufMetricsSerializer.deserializeResponse(answer)?.partialSuccess) || {};
    const rejected = Number(rejectedDataPoints);
    if (rejected === 0 && errorMessage === '') return { status: 'taken' };
    const reason = errorMessage === '' ? ', without a reason' : `: ${errorMessage}`;
    return { status: 'taken', partial: `${rejected} data points were rejected${reason}` };
  } catch {
    return { status: 'taken' };
  }
}
