import type { History, Tick } from '../api/contract.ts';

export type Column = readonly (number | null)[];

/** Columns over common times (s since the epoch), the oldest first. */
export interface Table {
  readonly times: readonly number[];
  readonly columns: Readonly<Record<string, Column>>;
}

export const EMPTY_TABLE: Table = { times: [], columns: {} };

const HOUR_SECONDS = 3600;

export function tableOf(history: History): Table {
  const columns: Record<string, Column> = {};
  for (const [name, column] of Object.entries(history)) {
    if (name !== 'times' && Array.isArray(column)) columns[name] = column as Column;
  }
  return { times: history.times, columns };
}

/**
 * The table with one more point and without what is older than an hour. A point of a time that is there already takes
 * its place; one that comes before the last is dropped.
 */
export function append(table: Table, point: NonNullable<Tick['point']>): Table {
  const last = table.times.at(-1);
  if (last !== undefined && point.time < last) return table;
  const kept = last === point.time ? table.times.length - 1 : table.times.length;
  const oldest = point.time - HOUR_SECONDS;
  const found = table.times.findIndex((time) => time >= oldest);
  const from = found === -1 ? kept : Math.min(found, kept);
  const names = new Set([...Object.keys(table.columns), ...Object.keys(point)]);
  names.delete('time');
  const columns: Record<string, Column> = {};
  for (const name of names) {
    const old = table.columns[name] ?? new Array<null>(table.times.length).fill(null);
    columns[name] = [...old.slice(from, kept), point[name] ?? null];
  }
  return { times: [...table.times.slice(from, kept), point.time], columns };
}

export interface Statistics {
  readonly last: number | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly mean: number | null;
}

export function statisticsOf(column: Column): Statistics {
  let [sum, count] = [0, 0];
  let [minimum, maximum]: [number | null, number | null] = [null, null];
  for (const value of column) {
    if (value === null) continue;
    sum += value;
    count += 1;
    minimum = minimum === null ? value : Math.min(minimum, value);
    maximum = maximum === null ? value : Math.max(maximum, value);
  }
  return { last: column.at(-1) ?? null, minimum, maximum, mean: count === 0 ? null : sum / count };
}

/** The newest `size` values after one more. */
export function pushed(column: Column, value: number | null, size: number): Column {
  return [...column.slice(Math.max(0, column.length - size + 1)), value];
}
