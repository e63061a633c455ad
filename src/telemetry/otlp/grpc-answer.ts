/** What the answer to a gRPC call means for an export. The protocol: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import { constants } from 'node:http2';
import { takenBy } from './otlp-message.ts';
import type { Delivery } from './otlp-sender.ts';
import { retryDelayOf } from './retry-info.ts';

/** By number. */
const STATUS = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;
const code = (name: (typeof STATUS)[number]): number => STATUS.indexOf(name);

const OK = code('OK');
const RESOURCE_EXHAUSTED = code('RESOURCE_EXHAUSTED');

/** What the specification lets a client send again; RESOURCE_EXHAUSTED only where the backend says when. */
const PASSING: readonly number[] = (
  ['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'OUT_OF_RANGE', 'UNAVAILABLE', 'DATA_LOSS'] as const
).map(code);

/** How the servers of Go, C++, Java and Node.js say that a message is beyond their limit. */
const TOO_LARGE = /larger than (?:max|\d)|exceeds? max/i;

/** For answers of something that does not speak gRPC, such as a proxy. */
const OF_HTTP: Readonly<Record<number, number>> = {
  400: code('INTERNAL'),
  401: code('UNAUTHENTICATED'),
  403: code('PERMISSION_DENIED'),
  404: code('UNIMPLEMENTED'),
  429: code('UNAVAILABLE'),
  502: code('UNAVAILABLE'),
  503: code('UNAVAILABLE'),
  504: code('UNAVAILABLE'),
};

/** For calls that the backend broke off. */
const OF_STREAM: Readonly<Record<number, number>> = {
  [constants.NGHTTP2_REFUSED_STREAM]: code('UNAVAILABLE'),
  [constants.NGHTTP2_CANCEL]: code('CANCELLED'),
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: code('RESOURCE_EXHAUSTED'),
  [constants.NGHTTP2_INADEQUATE_SECURITY]: code('PERMISSION_DENIED'),
};

export interface GrpcAnswer {
  /** `grpc-status`; undefined where none came. */
  readonly status: number | undefined;
  /** `grpc-message`, percent-encoded. */
  readonly text: string;
  /** `grpc-status-details-bin`. */
  readonly details: Buffer | undefined;
  /** 0 where no headers came. */
  readonly httpStatus: number;
  /** The HTTP/2 error code with which the stream ended. */
  readonly streamCode: number;
  /** Of the body; empty where none came. */
  readonly message: Buffer;
  readonly error: Error | undefined;
}

/**
 * Whether the backend says that it did not begin with the call: one that closes its connections does so, and the
 * specification lets the call be made again at once.
 */
export function isUnseen({ status, httpStatus, streamCode }: GrpcAnswer): boolean {
  return status === undefined && httpStatus === 0 && streamCode === constants.NGHTTP2_REFUSED_STREAM;
}

export function deliveryOf(answer: GrpcAnswer): Delivery {
  const status = answer.status ?? statusWithout(answer);
  if (status === OK) return takenBy(answer.message);
  const reason = `gRPC ${status} ${STATUS[status] ?? 'UNKNOWN'}: ${textOf(answer)}`;
  const retryAfterMs = answer.details === undefined ? undefined : retryDelayOf(answer.details);
  const mayPass = PASSING.includes(status) || (status === RESOURCE_EXHAUSTED && retryAfterMs !== undefined);
  if (mayPass) return { status: 'failed', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  return { status: status === RESOURCE_EXHAUSTED && TOO_LARGE.test(reason) ? 'large' : 'refused', reason };
}

function statusWithout({ httpStatus, streamCode }: GrpcAnswer): number {
  if (httpStatus !== 0 && httpStatus !== 200) return OF_HTTP[httpStatus] ?? code('UNKNOWN');
  if (streamCode !== constants.NGHTTP2_NO_ERROR) return OF_STREAM[streamCode] ?? code('INTERNAL');
  return code('UNKNOWN');
}

function textOf({ status, text, httpStatus, error }: GrpcAnswer): string {
  if (status !== undefined) return decoded(text);
  if (httpStatus !== 0 && httpStatus !== 200) return `HTTP ${httpStatus} without a gRPC status`;
  return error?.message || 'the answer ended without a status';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The specification: text that is not encoded as it should be is shown as it is.
    return text;
  }
}
