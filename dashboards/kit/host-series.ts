import { TARGETS } from './promql.ts';

/** Series of `@opentelemetry/host-metrics`, as `/metrics` shows them. */
export const HOST_SERIES = {
  processMemory: { series: 'process_memory_usage', kind: 'gauge', attributes: [] },
  processCpuTime: { series: 'process_cpu_time_seconds_total', kind: 'counter', attributes: ['process_cpu_state'] },
  systemCpuTime: {
    series: 'system_cpu_time_seconds_total',
    kind: 'counter',
    attributes: ['system_cpu_state', 'system_cpu_logical_number'],
  },
  systemMemory: { series: 'system_memory_usage', kind: 'gauge', attributes: ['system_memory_state'] },
} as const;

export function host(key: keyof typeof HOST_SERIES, where = ''): string {
  return `${HOST_SERIES[key].series}{${where === '' ? TARGETS : `${TARGETS},${where}`}}`;
}

/** 1 for a target that Prometheus could scrape, else 0. */
export const UP = `up{${TARGETS}}`;
