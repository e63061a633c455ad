/** What @opentelemetry/host-metrics records, over all of its groups that may be chosen. */
export const HOST_INSTRUMENT_NAMES: readonly string[] = [
  'system.cpu.time',
  'system.cpu.utilization',
  'system.memory.usage',
  'system.memory.utilization',
  'system.network.dropped',
  'system.network.errors',
  'system.network.io',
  'process.cpu.time',
  'process.cpu.utilization',
  'process.memory.usage',
];
