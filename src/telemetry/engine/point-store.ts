/**
 * Owns the numbers of one metric stream: which series have a point, and the cells of each.
 *
 * R1 A stream holds at most `limit` points and one for all that is beyond, so nothing recorded is lost.
 * R2 `size` is the number of points.
 */
import type { Attributes } from '@opentelemetry/api';
import { type Column, PAGE_MASK, PAGE_SHIFT } from './column.ts';
import type { EngineSeries, Schema } from './schema.ts';
import type { SeriesRegistry } from './series-registry.ts';

export class PointStore {
  // What finds a point comes first, in one line of the cache: between two events there is work that empties it.
  readonly registry: SeriesRegistry;
  readonly width: number;
  /** Where the point located last begins in its page. */
  at = 0;
  // Nearly every instrument has one set of keys: its column is found without looking it up.
  mainSchema: Schema | undefined;
  mainColumn: Column | undefined;
  /** The main schema, where the column lies beside the start times: there the last series' number is in `lastCells`. */
  nearSchema: Schema | undefined;
  nearBase = 0;
  /** By index of schema. */
  readonly columns: (Column | undefined)[] = [];
  /** Set when `locate` gave the point that takes what is beyond the limit; whoever asks clears it before. */
  locatedOverflow = false;
  size = 0;
  readonly #limit: number;
  readonly #onOverflow: () => void;
  #overflow: EngineSeries | undefined;

  constructor(registry: SeriesRegistry, width: number, limit: number, onOverflow: () => void) {
    this.registry = registry;
    this.width = width;
    this.#limit = limit;
    this.#onOverflow = onOverflow;
  }

  /**
   * The page of the point for the attributes, which is made where needed; it begins at `at`. One event records to many
   * instruments with one object, so this is little more than the last row again; V8 inlines it only while it is small.
   */
  locate(attributes: Attributes | undefined): Float64Array {
    const { registry } = this;
    if (attributes === registry.lastAttributes && registry.lastSchema === this.mainSchema && this.mainColumn) {
      const column = this.mainColumn;
      const page = column.pages[registry.lastPage];
      if (page !== undefined) {
        const at = registry.lastSlot * column.stride + column.base;
        this.at = at;
        const first = page[at]!;
        // NaN, and so no point. Number.isNaN() is a call as long as V8 has not inlined it.
        // biome-ignore lint/suspicious/noSelfCompare: the quickest way to see NaN
        if (first === first) return page;
      }
    }
    return this.locateOther(attributes);
  }

  /** Of an object other than the last one. */
  locateOther(attributes: Attributes | undefined): Float64Array {
    const { registry } = this;
    const series = registry.known(attributes);
    if (series === undefined) return this.#locateByValue(attributes);
    const column = this.columns[series.schema.index];
    if (column === undefined) return this.#locateByValue(attributes);
    const page = column.pages[series.row >>> PAGE_SHIFT];
    const at = (series.row & PAGE_MASK) * column.stride + column.base;
    this.at = at;
    return page !== undefined && !Number.isNaN(page[at]) ? page : this.#locateByValue(attributes);
  }

  has(series: EngineSeries): boolean {
    return series.row >= 0 && this.columns[series.schema.index]?.has(series.row) === true;
  }

  remove(series: EngineSeries): boolean {
    if (series.row < 0 || this.columns[series.schema.index]?.clear(series.row) !== true) return false;
    this.size -= 1;
    if (series === this.#overflow) this.#overflow = undefined;
    this.registry.release(series);
    return true;
  }

  /** Lets go of every point, and keeps the memory for the next ones. */
  reset(): void {
    this.size = 0;
    this.#overflow = undefined;
    for (const [index, column] of this.columns.entries()) {
      const { rows } = this.registry.schemas[index] ?? {};
      column?.reset((row) => {
        const series = rows?.[row];
        if (series !== undefined) this.registry.release(series);
      });
    }
  }

  page(series: EngineSeries): Float64Array {
    const column = this.columns[series.schema.index]!;
    this.at = column.offset(series.row);
    return column.page(series.row)!;
  }

  #locateByValue(attributes: Attributes | undefined): Float64Array {
    const series = this.registry.resolve(attributes, () => this.#hasRoom());
    if (series !== undefined) {
      if (this.has(series)) return this.page(series);
      if (this.#hasRoom()) return this.#open(series);
    }
    return this.#locateOverflow();
  }

  #locateOverflow(): Float64Array {
    this.#onOverflow();
    this.locatedOverflow = true;
    if (this.#overflow !== undefined) return this.page(this.#overflow);
    const series = this.registry.overflow();
    this.#overflow = series;
    return this.has(series) ? this.page(series) : this.#open(series);
  }

  #hasRoom(): boolean {
    return this.size - (this.#overflow === undefined ? 0 : 1) < this.#limit;
  }

  #open(series: EngineSeries): Float64Array {
    const { index } = series.schema;
    let column = this.columns[index];
    if (column === undefined) {
      column = series.schema.columns.column(this.width);
      // The numbers of the last series may be elsewhere now.
      this.registry.forgetLast();
      while (this.columns.length < index) this.columns.push(undefined);
      this.columns[index] = column;
      if (this.mainSchema === undefined) {
        this.mainSchema = series.schema;
        this.mainColumn = column;
        if (column.isBeside(series.schema.starts)) {
          this.nearSchema = series.schema;
          this.nearBase = column.base;
        }
      }
    }
    const page = column.open(series.row);
    series.points += 1;
    this.size += 1;
    this.at = column.offset(series.row);
    return page;
  }
}
