import type { Column } from '../live/history.ts';
import { sparklinePath } from './sparkline-path.ts';

const WIDTH = 96;
const HEIGHT = 24;

/** A small picture of a course, beside a number that says the same. */
export function Sparkline({ values, tone = 'c1' }: { readonly values: Column; readonly tone?: string }) {
  return (
    <svg
      class={`sparkline ${tone}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <path d={sparklinePath(values, WIDTH, HEIGHT)} />
    </svg>
  );
}
