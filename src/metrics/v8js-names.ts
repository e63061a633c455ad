/** The spaces of the V8 heap and its collections, named as OpenTelemetry's semantic conventions and Node.js instrumentation do. */
export const V8JS_INSTRUMENTS = {
  v8HeapLimit: {
    group: 'runtime',
    name: 'v8js.memory.heap.limit',
    kind: 'gauge',
    unit: 'By',
    attributes: [],
    series: 'v8js_memory_heap_limit_bytes',
    description: 'Limit of the V8 heap.',
  },
  v8SpaceSize: heapSpace('space.size', 'Reserved size of a space of the V8 heap.'),
  v8SpaceUsed: heapSpace('used', 'Used part of a space of the V8 heap.'),
  v8SpaceAvailable: heapSpace('space.available_size', 'What is left of a space of the V8 heap.'),
  v8SpacePhysical: heapSpace('space.physical_size', 'Committed memory of a space of the V8 heap.'),
  v8GcDuration: {
    group: 'runtime',
    name: 'v8js.gc.duration',
    kind: 'histogram',
    unit: 's',
    attributes: ['v8js.gc.type'],
    series: 'v8js_gc_duration_seconds',
    description: 'Pauses of the garbage collector by type.',
    buckets: [0.01, 0.1, 1, 10],
  },
} as const;

function heapSpace<N extends string>(what: N, description: string) {
  return {
    group: 'runtime',
    name: `v8js.memory.heap.${what}`,
    kind: 'gauge',
    unit: 'By',
    attributes: ['v8js.heap.space.name'],
    series: `v8js_memory_heap_${what.replaceAll('.', '_')}_bytes`,
    description,
  } as const;
}
