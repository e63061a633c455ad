import type { Column, Table } from '../live/history.ts';
import { Chart, type ChartProps, type Line } from './chart.tsx';

/** A chart of columns of a table; those that the table lacks have no values. */
export interface ColumnChart extends Omit<ChartProps, 'times' | 'lines'> {
  readonly lines: readonly (Omit<Line, 'values'> & { readonly column: string })[];
}

export interface ChartsProps {
  readonly charts: readonly ColumnChart[];
  readonly table: Table;
  /** A class beside the one that all have. */
  readonly class?: string;
}

/** One for all, since a chart draws anew what is another array. */
const NONE: Column = [];

export function Charts({ charts, table: { times, columns }, class: name = '' }: ChartsProps) {
  return (
    <div class={`charts ${name}`}>
      {charts.map(({ lines, ...chart }) => (
        <Chart
          key={chart.title}
          {...chart}
          times={times}
          lines={lines.map(({ column, ...line }) => ({ ...line, values: columns[column] ?? NONE }))}
        />
      ))}
    </div>
  );
}
