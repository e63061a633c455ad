/**
 * What a reader of deltas has still to be told of series that were removed since it last collected.
 *
 * R1 The rests of equal attributes are one. At most `MOST` are kept; further ones are lost, so that series that come and go
 *    faster than a reader collects take no more memory.
 */
import type { Attributes } from '@opentelemetry/api';
import type { EngineSeries } from './schema.ts';
import type { Stream } from './streams.ts';

const MOST = 100_000;

export interface Rest {
  readonly attributes: Attributes;
  /** ms since the epoch. */
  readonly startMs: number;
  readonly cells: Float64Array;
}

export class Rests {
  readonly #byStream = new Map<Stream, Map<string, Rest>>();
  #size = 0;

  has(stream: Stream): boolean {
    return this.#byStream.has(stream);
  }

  add(stream: Stream, series: EngineSeries, startMs: number, cells: Float64Array): void {
    let rests = this.#byStream.get(stream);
    if (rests === undefined) {
      rests = new Map();
      this.#byStream.set(stream, rests);
    }
    const key = keyOf(series);
    const known = rests.get(key);
    if (known !== undefined) {
      for (const [index, value] of cells.entries()) known.cells[index]! += value;
    } else if (this.#size < MOST) {
      this.#size += 1;
      rests.set(key, { attributes: series.attributes, startMs, cells });
    }
  }

  /** Those of a stream, which are told now. */
  take(stream: Stream): Map<string, Rest> | undefined {
    const rests = this.#byStream.get(stream);
    this.#byStream.delete(stream);
    this.#size -= rests?.size ?? 0;
    return rests;
  }
}

/** Takes out that of a series that has come again. */
export function restOf(rests: Map<string, Rest> | undefined, series: EngineSeries): Rest | undefined {
  if (rests === undefined) return undefined;
  const key = keyOf(series);
  const rest = rests.get(key);
  rests.delete(key);
  return rest;
}

function keyOf({ attributes }: EngineSeries): string {
  return JSON.stringify(attributes);
}
