import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Delivery } from './otlp-sender.ts';

/** The protobuf message of an export. */
export function encodeExport(metrics: ResourceMetrics): Buffer {
  const bytes = ProtobufMetricsSerializer.serializeRequest(metrics);
  if (bytes === undefined) throw new Error('the metrics cannot be encoded as protobuf');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
