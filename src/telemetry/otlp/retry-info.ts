/**
 * The pause that a gRPC backend asks for: `google.rpc.RetryInfo` among the details of a `google.rpc.Status`, which comes
 * in the trailer `grpc-status-details-bin`. Only the fields on the way to it are read.
 */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

interface Field {
  readonly number: number;
  readonly value: bigint | Buffer;
}

/** ms; 0 where no delay is given; undefined without such a detail, or when the message cannot be read. */
export function retryDelayOf(status: Buffer): number | undefined {
  try {
    for (const detail of messages(status, 3)) {
      const [type] = messages(detail, 1);
      if (type?.toString().endsWith('/google.rpc.RetryInfo') !== true) continue;
      const [info = Buffer.alloc(0)] = messages(detail, 2);
      const [delay = Buffer.alloc(0)] = messages(info, 1);
      const delayMs = Number(integer(delay, 1)) * 1000 + Number(integer(delay, 2)) / 1e6;
      return Math.max(0, delayMs);
    }
  } catch {
    // A message that is cut off asks for nothing.
  }
  return undefined;
}

function messages(message: Buffer, wanted: number): Buffer[] {
  return [...fields(message)].flatMap(({ number, value }) =>
    number === wanted && Buffer.isBuffer(value) ? value : [],
  );
}

function integer(message: Buffer, wanted: number): bigint {
  for (const { number, value } of fields(message)) {
    if (number === wanted && typeof value === 'bigint') return BigInt.asIntN(64, value);
  }
  return 0n;
}

function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a varint without an end');
  };
  const bytes = (length: number): Buffer => {
    if (at + length > message.length) throw new RangeError('a field without an end');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case VARINT:
        yield { number, value: varint() };
        break;
      case BYTES:
        yield { number, value: bytes(Number(varint())) };
        break;
      case FIXED64:
        bytes(8);
        break;
      case FIXED32:
        bytes(4);
        break;
      default:
        throw new RangeError('an unknown type of field');
    }
  }
}
