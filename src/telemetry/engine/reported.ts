import { Column } from './column.ts';
import type { EngineSeries } from './schema.ts';
import type { Stream } from './streams.ts';

/** In a row: where the cells begin. */
const CELLS = 2;

/** What a reader of deltas was told last of each series of a stream. */
export class Reported {
  /** By index of schema; a row holds the ordinal of its series, the end of what was told of it last, and the cells. */
  readonly #columns = new Map<number, Column>();
  readonly #width: number;
  #endMs = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** Undefined for a series that was never reported. */
  since(
    series: EngineSeries,
    page: Float64Array,
    at: number,
  ): { readonly startMs: number; readonly cells: Float64Array } | 'unchanged' | undefined {
    const column = this.#columns.get(series.schema.index);
    if (column === undefined || !column.has(series.row)) return undefined;
    const from = column.offset(series.row);
    const row = column.page(series.row)!;
    if (row[from] !== series.ordinal) return undefined;
    const cells = row.subarray(from + CELLS, from + CELLS + this.#width);
    if (cells.every((value, index) => value === page[at + index])) return 'unchanged';
    // Told in the collection that is going on, or in the last one, in which it may not have changed.
    return { startMs: Math.max(row[from + 1]!, this.#endMs), cells };
  }

  /** Where the span of a point begins that was never reported: it may be younger than its series. */
  startOfNew(seriesStartMs: number): number {
    return Math.max(seriesStartMs, this.#endMs);
  }

  keep(series: EngineSeries, page: Float64Array, at: number, endMs: number): void {
    const { index } = series.schema;
    let column = this.#columns.get(index);
    if (column === undefined) {
      column = new Column(CELLS + this.#width);
      this.#columns.set(index, column);
    }
    const row = column.open(series.row);
    const from = column.offset(series.row);
    row[from] = series.ordinal;
    row[from + 1] = endMs;
    row.set(page.subarray(at, at + this.#width), from + CELLS);
  }

  /** The next spans begin here. Forgets the rows of series that have gone. */
  end(stream: Stream, endMs: number): void {
    this.#endMs = endMs;
    const { registry } = stream.store;
    for (const [index, column] of this.#columns) {
      const { rows } = registry.schemas[index]!;
      for (let page = column.pages.length - 1; page >= 0; page--) {
        if (column.pages[page] === undefined) continue;
        for (let row = page * 128; row < (page + 1) * 128; row++) {
          if (column.has(row) && rows[row] === undefined) column.clear(row);
        }
      }
    }
  }
}
