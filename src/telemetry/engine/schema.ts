import type { Attributes, AttributeValue } from '@opentelemetry/api';
import { type Column, Columns } from './column.ts';
import type { Series } from './family.ts';
import { valueText } from './label-guard.ts';

/** Series that a bucket's list may have; more of them are looked up by all of their values. */
const MOST_LISTED = 32;

/** The series of one owner or of one hash: a list by `next` while they are few, which most are; later by their values. */
type Bucket = EngineSeries | Map<string, EngineSeries>;

/** An attribute set with its row, by which every instrument finds its numbers for it. */
export class EngineSeries implements Series {
  // These two first: a measurement needs no others, and so one line of the cache.
  /** -1 once the series has gone. */
  row: number;
  readonly schema: Schema;
  readonly attributes: Attributes;
  /** Grows with each series made: tells a series from a later one with the same attributes or the same row. */
  readonly ordinal: number;
  cache: string | undefined = undefined;
  /** Points that instruments hold for it. */
  points = 0;
  /** The next series of the same bucket. */
  next: EngineSeries | undefined = undefined;

  constructor(attributes: Attributes, schema: Schema, row: number, ordinal: number) {
    this.row = row;
    this.schema = schema;
    this.attributes = attributes;
    this.ordinal = ordinal;
  }
}

/**
 * All series with the same attribute keys: their rows, their start times, and the way from values to a series.
 *
 * R1 A row belongs to one series at a time. Rows at the end that have gone are given back.
 */
export class Schema {
  readonly index: number;
  /** Sorted. */
  readonly keys: readonly string[];
  /** By row. */
  readonly rows: (EngineSeries | undefined)[] = [];
  readonly columns = new Columns();
  readonly starts: Column = this.columns.column(1);
  /** The key whose value chooses the bucket; undefined: all values together do. */
  readonly #bucketKey: number;
  readonly #buckets = new Map<string, Bucket>();
  #free: number[] = [];

  /** @param owner the key that names what series belong to: all of one owner are in one bucket. */
  constructor(index: number, keys: readonly string[], owner: string) {
    this.index = index;
    this.keys = keys;
    this.#bucketKey = keys.indexOf(owner);
  }

  get hasOwner(): boolean {
    return this.#bucketKey >= 0;
  }

  find(values: readonly AttributeValue[]): EngineSeries | undefined {
    const bucket = this.#buckets.get(this.#bucketOf(values));
    if (bucket instanceof Map) return bucket.get(textOf(values));
    for (let series = bucket; series !== undefined; series = series.next) {
      if (this.#matches(series, values)) return series;
    }
    return undefined;
  }

  /** @param attributes the values as a frozen object, keys in order, where there is one. */
  add(
    values: readonly AttributeValue[],
    ordinal: number,
    startTimeMs: number,
    attributes = this.#attributes(values),
  ): EngineSeries {
    const row = this.#takeRow();
    const series = new EngineSeries(attributes, this, row, ordinal);
    this.rows[row] = series;
    this.starts.open(row)[this.starts.offset(row)] = startTimeMs;
    this.#link(series, values);
    return series;
  }

  startTimeMs({ row }: EngineSeries): number {
    return this.starts.page(row)?.[this.starts.offset(row)] ?? 0;
  }

  /** The series of one owner; only where the owner is among the keys. */
  *ownedBy(owner: string): Generator<EngineSeries> {
    const bucket = this.#buckets.get(owner);
    if (bucket instanceof Map) {
      yield* bucket.values();
      return;
    }
    for (let series = bucket; series !== undefined; ) {
      const { next }: EngineSeries = series;
      yield series;
      series = next;
    }
  }

  delete(series: EngineSeries): void {
    const { row } = series;
    if (row < 0) return;
    this.#unlink(series);
    this.rows[row] = undefined;
    this.starts.clear(row);
    series.row = -1;
    series.next = undefined;
    this.#free.push(row);
    while (this.rows.length > 0 && this.rows.at(-1) === undefined) this.rows.pop();
    // Entries past the end are stale; dropping them now and then keeps the list no longer than the rows.
    if (this.#free.length > 64 && this.#free.length > 2 * this.rows.length) {
      this.#free = this.#free.filter((free) => free < this.rows.length);
    }
  }

  #attributes(values: readonly AttributeValue[]): Attributes {
    // Guarded keys are never `__proto__`, so that this is a plain property each.
    return Object.freeze(Object.fromEntries(this.keys.map((key, index) => [key, values[index]!])));
  }

  #takeRow(): number {
    for (let row = this.#free.pop(); row !== undefined; row = this.#free.pop()) {
      if (row < this.rows.length && this.rows[row] === undefined) return row;
    }
    this.rows.push(undefined);
    return this.rows.length - 1;
  }

  #link(series: EngineSeries, values: readonly AttributeValue[]): void {
    const name = this.#bucketOf(values);
    const bucket = this.#buckets.get(name);
    if (bucket instanceof Map) {
      bucket.set(textOf(values), series);
      return;
    }
    series.next = bucket;
    let listed = 0;
    for (let other: EngineSeries | undefined = series; other !== undefined; other = other.next) listed += 1;
    if (listed <= MOST_LISTED) this.#buckets.set(name, series);
    else this.#buckets.set(name, this.#byValues(series));
  }

  /** The list as a map. */
  #byValues(head: EngineSeries): Map<string, EngineSeries> {
    const map = new Map<string, EngineSeries>();
    for (let series: EngineSeries | undefined = head; series !== undefined; ) {
      const { next }: EngineSeries = series;
      series.next = undefined;
      map.set(textOf(this.#valuesOf(series)), series);
      series = next;
    }
    return map;
  }

  #unlink(series: EngineSeries): void {
    const values = this.#valuesOf(series);
    const name = this.#bucketOf(values);
    const bucket = this.#buckets.get(name);
    if (bucket instanceof Map) {
      bucket.delete(textOf(values));
      if (bucket.size === 0) this.#buckets.delete(name);
      return;
    }
    if (bucket === series) {
      if (series.next === undefined) this.#buckets.delete(name);
      else this.#buckets.set(name, series.next);
      return;
    }
    for (let before = bucket; before !== undefined; before = before.next) {
      if (before.next === series) before.next = series.next;
    }
  }

  #valuesOf({ attributes }: EngineSeries): AttributeValue[] {
    return this.keys.map((key) => attributes[key]!);
  }

  #bucketOf(values: readonly AttributeValue[]): string {
    if (this.#bucketKey >= 0) return valueText(values[this.#bucketKey]!);
    return values.length === 1 ? valueText(values[0]!) : textOf(values);
  }

  #matches({ attributes }: EngineSeries, values: readonly AttributeValue[]): boolean {
    return this.keys.every((key, index) => {
      const own = attributes[key]!;
      const other = values[index]!;
      return own === other || valueText(own) === valueText(other);
    });
  }
}

/** Of all values; the same for values that look alike. */
function textOf(values: readonly AttributeValue[]): string {
  return values.length === 0 ? '' : JSON.stringify(values.map(valueText));
}
