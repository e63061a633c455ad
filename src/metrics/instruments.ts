import type { Counter, Histogram, Meter, Observable, ObservableCounter, ObservableGauge } from '@opentelemetry/api';
import { INSTRUMENTS, type InstrumentDefinition, type InstrumentKey } from './names.ts';

type InstrumentOf<D extends InstrumentDefinition> = D['kind'] extends 'counter'
  ? D['isObserved'] extends true
    ? ObservableCounter
    : Counter
  : D['kind'] extends 'histogram'
    ? Histogram
    : ObservableGauge;

function create(meter: Meter, definition: InstrumentDefinition): Counter | Histogram | Observable {
  const { name, kind, unit, description, buckets, isObserved } = definition;
  switch (kind) {
    case 'counter':
      return isObserved
        ? meter.createObservableCounter(name, { unit, description })
        : meter.createCounter(name, { unit, description });
    case 'gauge':
      return meter.createObservableGauge(name, { unit, description });
    case 'histogram':
      // The advice gives the right buckets under a host application's provider, which has no View of ours.
      return meter.createHistogram(name, {
        unit,
        description,
        ...(buckets === undefined ? {} : { advice: { explicitBucketBoundaries: [...buckets] } }),
      });
  }
}

/** Creates one instrument of the table; creating it twice on one meter gives the same stream. */
export function createInstrument<K extends InstrumentKey>(meter: Meter, key: K): InstrumentOf<(typeof INSTRUMENTS)[K]> {
  return create(meter, INSTRUMENTS[key]) as InstrumentOf<(typeof INSTRUMENTS)[K]>;
}
