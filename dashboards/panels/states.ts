import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { MappingType, type Panel, type ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard';
import { query, stateTimeline } from '../kit/panels.ts';
import { gauge } from '../kit/promql.ts';

/** In the order of the numbers that stand for them below. */
export const STATE_COLORS = {
  configured: 'text',
  running: 'green',
  paused: 'yellow',
  stopped: 'blue',
  failed: 'red',
} as const;

const STATES = Object.keys(STATE_COLORS) as readonly (keyof typeof STATE_COLORS)[];

/** The state of each pipeline as a number; the higher one while a pipeline moves from one process to another. */
const STATE_NUMBER = `max by (pipeline_id) (${STATES.map(
  (state, number) =>
    `(${gauge('max', 'pipelineState', ['pipeline_id', 'state'], `state="${state}"`)} == 1) * ${number}`,
).join(' or ')})`;

const STATE_NAMES: ValueMapping = {
  type: MappingType.ValueToText,
  options: Object.fromEntries(
    Object.entries(STATE_COLORS).map(([text, color], number) => [`${number}`, { text, color, index: number }]),
  ),
};

export function states(height: number): Builder<Panel> {
  return stateTimeline({
    title: 'State of each pipeline',
    description: 'Configured, running, paused, stopped or failed, over time. A gap: no process reports this pipeline.',
    unit: 'none',
    height,
    query: query(STATE_NUMBER, '{{pipeline_id}}'),
    mappings: [STATE_NAMES],
  });
}
