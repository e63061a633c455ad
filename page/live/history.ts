import type { History, Tick } from '../api/contract.ts';

export type Column = readonly (number | null)[];

/** Columns over common times (s since the epoch), the oldest first. */
export interface Table {
  readonly times: readonly number[];
  readonly columns: Readonly<Record<string, Column>>;
  /** s; points of the same slot of this length share a row. */
  readonly slotSeconds: number;
  /** How many points the last row is the mean of. */
  readonly weight: number;
}

export const EMPTY_TABLE: Table = { times: [], columns: {}, slotSeconds: 10, weight: 0 };

const HOUR_SECONDS = 3600;

export function tableOf(history: History): Table {
  const columns: Record<string, Column> = {};
  for (const [name, column] of Object.entries(history)) {
    if (name !== 'times' && Array.isArray(column)) columns[name] = column as Column;
  }
  return {
    times: history.times,
    columns,
    slotSeconds: history.intervalSeconds,
    weight: history.times.length > 0 ? 1 : 0,
  };
}

/**
 * The table with one more point and without what is older than an hour. Points of one slot become one row, their mean
 * at the time of the last; a point that comes before the last row is dropped.
 */
export function append(table: Table, point: NonNullable<Tick['point']>): Table {
  const { times, slotSeconds } = table;
  const last = times.at(-1);
  if (last !== undefined && point.time < last) return table;
  const slot = (time: number): number => Math.floor(time / slotSeconds);
  const shared = last !== undefined && slot(last) === slot(point.time);
  const weight = shared ? table.weight : 0;
  const kept = shared ? times.length - 1 : times.length;
  const found = times.findIndex((time) => time >= point.time - HOUR_SECONDS);
  const from = found === -1 ? kept : Math.min(found, kept);
  const names = new Set([...Object.keys(table.columns), ...Object.keys(point)]);
  names.delete('time');
  const columns: Record<string, Column> = {};
  for (const name of names) {
    const old = table.columns[name] ?? new Array<null>(times.length).fill(null);
    columns[name] = [...old.slice(from, kept), mean(old[kept] ?? null, weight, point[name] ?? null)];
  }
  return { times: [...times.slice(from, kept), point.time], columns, slotSeconds, weight: weight + 1 };
}

function mean(before: number | null, weight: number, value: number | null): number | null {
  if (before === null || weight === 0) return value;
  return value === null ? before : (before * weight + value) / (weight + 1);
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
