import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';

/** What became of one export. Only `failed` may be tried again as it is. */
export type Delivery =
  /** `partial`: what the backend said of points that it did not take; they are lost. */
  | { readonly status: 'taken'; readonly partial?: string }
  | { readonly status: 'refused'; readonly reason: string }
  /** Nothing of it was taken, and halves of it may be: it holds several points. */
  | { readonly status: 'large'; readonly reason: string }
  /** `retryAfterMs`: how long the backend wants to be left alone. */
  | { readonly status: 'failed'; readonly reason: string; readonly retryAfterMs?: number };

/** Sends an export once: no retry, no queue. */
export interface OtlpSender {
  /** Settles within `timeoutMs`, whatever the backend does; never rejects. */
  send(metrics: ResourceMetrics, timeoutMs: number): Promise<Delivery>;
  /** Drops what is in progress and every connection. Idempotent. */
  close(): void;
}
