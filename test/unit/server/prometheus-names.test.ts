import { expect, test } from '@jest/globals';
import { familyName, labelName } from '../../../src/server/prometheus-names.ts';

test.each([
  ['jvm.memory.non-heap.used', 'By', 'gauge', 'jvm_memory_non_heap_used_bytes'],
  ['request.duration.seconds', 's', 'histogram', 'request_duration_seconds'],
  ['process.cpu.time', 's', 'counter', 'process_cpu_time_seconds_total'],
  ['things.total', 's', 'counter', 'things_seconds_total'],
  ['things.total', '', 'gauge', 'things_total'],
  ['cpu.utilization', '1', 'gauge', 'cpu_utilization_ratio'],
  ['cpu.hits', '1', 'counter', 'cpu_hits_total'],
  ['queue.length', '{item}', 'gauge', 'queue_length'],
  ['speed', 'By/s', 'gauge', 'speed_bytes_per_second'],
  ['events', '{event}/min', 'gauge', 'events_per_minute'],
  ['odd', 'furlong', 'gauge', 'odd_furlong'],
  ['milliseconds', 's', 'gauge', 'milliseconds_seconds'],
  ['0day', '', 'gauge', '_0day'],
  ['a//b..c', '', 'gauge', 'a_b_c'],
] as const)('%s [%s] as a %s is %s', (name, unit, type, series) => {
  expect(familyName(name, unit, type)).toBe(series);
});

test.each([
  ['', '', 'gauge'],
  ['', 's', 'gauge'],
  ['_', '', 'gauge'],
  ['é', 'By', 'histogram'],
  ['..//', '', 'histogram'],
  ['_total', '', 'counter'],
  ['é.total', 's', 'counter'],
  ['', '', 'counter'],
] as const)('nothing is left of %j [%s] as a %s', (name, unit, type) => {
  expect(familyName(name, unit, type)).toBeUndefined();
});

test.each([
  ['a.b', 'a_b'],
  ['0a', '_0a'],
  ['__name__', '_name_'],
  ['', undefined],
  ['.', undefined],
])('label %p is %p', (key, name) => {
  expect(labelName(key)).toBe(name);
});
