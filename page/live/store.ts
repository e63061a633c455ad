import { signal } from '@preact/signals';
import type { ActionNotice, Counts, Health, Hello, PipelineList, PipelineSummary, Tick } from '../api/contract.ts';
import { append, EMPTY_TABLE, type Table } from './history.ts';

/** What the page knows of the platform: the last answer of the server and every change since. */
export const pipelines = signal<ReadonlyMap<string, PipelineSummary>>(new Map());
export const counts = signal<Counts | null>(null);
export const health = signal<Health | null>(null);
export const history = signal<Table>(EMPTY_TABLE);
export const hello = signal<Hello | null>(null);

/** The last action that anyone took over the API. */
export const lastAction = signal<ActionNotice | null>(null);

/** ms since the epoch by the server's clock, once a second. */
export const now = signal(Date.now());

let skewMs = 0;
setInterval(() => {
  now.value = Date.now() + skewMs;
}, 1000);

export function greet(message: Hello): void {
  hello.value = message;
  skewMs = Date.parse(message.serverTime) - Date.now();
  now.value = Date.now() + skewMs;
}

export function replaceAll(list: PipelineList): void {
  pipelines.value = new Map(list.pipelines.map((pipeline) => [pipeline.id, pipeline]));
  counts.value = list.counts;
  health.value = list.health;
}

export function apply(tick: Tick): void {
  if (tick.pipelines.length > 0 || tick.removed.length > 0) {
    const next = new Map(pipelines.value);
    for (const pipeline of tick.pipelines) next.set(pipeline.id, pipeline);
    for (const id of tick.removed) next.delete(id);
    pipelines.value = next;
  }
  counts.value = tick.counts;
  health.value = tick.health;
  if (tick.point !== null) history.value = append(history.value, tick.point);
}
