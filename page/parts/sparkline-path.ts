import type { Column } from '../live/history.ts';

/** The points of a line from left to right, 0 at the bottom; unknown values leave a gap. */
export function sparklinePath(values: Column, width: number, height: number): string {
  let high = 0;
  for (const value of values) if (value !== null && value > high) high = value;
  const scale = high === 0 ? 0 : (height - 3) / high;
  const step = values.length < 2 ? 0 : width / (values.length - 1);
  let path = '';
  let down = false;
  values.forEach((value, index) => {
    if (value === null) {
      down = false;
      return;
    }
    const [x, y] = [Math.round(index * step * 10) / 10, Math.round((height - 1.5 - value * scale) * 10) / 10];
    path += `${down ? 'L' : 'M'}${x} ${y}`;
    down = true;
  });
  return path;
}
