import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { formatClock, UNKNOWN } from '../format.ts';
import { type Column, statisticsOf } from '../live/history.ts';
import { colour, colours } from '../theme.ts';

export interface Line {
  readonly label: string;
  readonly values: Column;
  /** A colour of the style sheet, without the dashes. */
  readonly colour: string;
  readonly dash?: readonly number[];
}

export interface ChartProps {
  readonly title: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number | null) => string;
  /** What the scale reaches at least, so that noise near 0 does not look like a mountain. */
  readonly reach?: number;
  /** True where the scale goes in steps of 1024. */
  readonly binary?: boolean;
}

const HEIGHT = 168;
const SHORTEST_SECONDS = 600;
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const FONT = '11px system-ui, sans-serif';

function options(
  { lines, format, reach = 0, binary = false }: ChartProps,
  width: number,
  onCursor: (index: number | null) => void,
) {
  const axis = { stroke: () => colour('muted'), font: FONT, ticks: { show: false } };
  const grid = { stroke: () => colour('grid'), width: 1 };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 18, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { range: (_chart, low, high) => shownTimes(low, high) },
      y: { range: (_chart, _low, high) => [0, Math.max(reach, (high ?? 0) * 1.08)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 22, space: 64, values: (_chart, splits) => splits.map(clock) },
      {
        ...axis,
        grid,
        size: 62,
        space: 32,
        values: (_chart, splits) => splits.map(format),
        ...(binary && { incrs: BINARY_STEPS }),
      },
    ],
    series: [
      {},
      ...lines.map(({ label, colour: name, dash }, index) => ({
        label,
        stroke: () => colour(name),
        width: 1.5,
        points: { show: (chart: uPlot) => chart.data[0].length < 2 },
        ...(dash !== undefined && { dash: [...dash] }),
        ...(index === 0 && lines.length === 1 && { fill: () => colour(`${name}-fill`) }),
      })),
    ],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)] },
  } satisfies uPlot.Options;
}

/** Ten minutes at least, so that the first values are not stretched over the whole width. */
function shownTimes(low: number | null, high: number | null): [number, number] {
  const last = high ?? Date.now() / 1000;
  return [Math.min(low ?? last, last - SHORTEST_SECONDS), last];
}

const clock = (seconds: number): string => formatClock(seconds * 1000).slice(0, 5);

/** A line chart over the time of day, with the values under the pointer (else the newest) in its legend. */
export function Chart(props: ChartProps) {
  const { title, times, lines, format } = props;
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const shape = lines.map(({ label }) => label).join();

  // Data and colours have their own effects.
  useEffect(() => {
    const element = box.current!;
    const plot = new uPlot(options(props, element.clientWidth, setPointed), dataOf(props), element);
    chart.current = plot;
    const watch = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [shape]);

  // The values of the lines are what changes.
  useEffect(() => chart.current?.setData(dataOf(props)), [times, ...lines.map(({ values }) => values)]);

  const shown = colours.value;
  // Other colours draw again.
  useEffect(() => chart.current?.redraw(false), [shown]);

  const at = pointed !== null && pointed < times.length ? pointed : times.length - 1;
  const empty = lines.every(({ values }) => values.every((value) => value === null));
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <span class="chart-title">{title}</span>
        <span class="chart-time">
          {pointed === null || times[at] === undefined ? '' : formatClock(times[at] * 1000)}
        </span>
      </figcaption>
      <ul class="legend" aria-hidden="true">
        {lines.map(({ label, colour: name, values }) => (
          <li key={label}>
            <span class={`swatch ${name}`} />
            {label} <b>{format(values[at] ?? null)}</b>
          </li>
        ))}
      </ul>
      <div class="chart-box" ref={box} role="img" aria-label={spoken(props)} />
      {empty && <p class="chart-empty">No values yet</p>}
    </figure>
  );
}

function dataOf({ times, lines }: ChartProps): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

/** What the picture shows, in words. */
function spoken({ title, times, lines, format }: ChartProps): string {
  const minutes = times.length < 2 ? 0 : Math.round((times.at(-1)! - times[0]!) / 60);
  const parts = lines.map(({ label, values }) => {
    const { last, minimum, maximum } = statisticsOf(values);
    if (minimum === null) return `${label}: no values`;
    return `${label}: now ${last === null ? UNKNOWN : format(last)}, from ${format(minimum)} to ${format(maximum)}`;
  });
  return `${title}, the last ${minutes} minutes. ${parts.join('. ')}.`;
}
