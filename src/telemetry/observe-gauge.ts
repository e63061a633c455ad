import {
  type BatchObservableResult,
  diag,
  type Meter,
  type Observable,
  type ObservableGauge,
  type ObservableResult,
} from '@opentelemetry/api';
import { createInstrument } from '../metrics/instruments.ts';
import type { InstrumentKey } from '../metrics/names.ts';

/**
 * Observes what `read` gives; undefined, no number or a failure leaves the series out of this collection. Returns the
 * function that ends it.
 */
export function observeGauge(meter: Meter, key: InstrumentKey, read: () => number | undefined): () => void {
  const gauge = createInstrument(meter, key) as ObservableGauge;
  return observeEach(gauge, (result) => {
    const value = read();
    if (value !== undefined && Number.isFinite(value)) result.observe(value);
  });
}

/** Observes an instrument with attributes until the returned function is called. A failure leaves it out of this collection. */
export function observeEach(observable: Observable, observe: (result: ObservableResult) => void): () => void {
  const callback = safely(observe);
  observable.addCallback(callback);
  return () => observable.removeCallback(callback);
}

/** The same of several instruments, for which one look is enough. */
export function observeTogether(
  meter: Meter,
  observables: Observable[],
  observe: (result: BatchObservableResult) => void,
): () => void {
  const callback = safely(observe);
  meter.addBatchObservableCallback(callback, observables);
  return () => meter.removeBatchObservableCallback(callback, observables);
}

function safely<R>(observe: (result: R) => void): (result: R) => void {
  return (result) => {
    try {
      observe(result);
    } catch (error) {
      diag.warn('A runtime metric could not be read', error);
    }
  };
}

export function stopAll(stops: readonly (() => void)[]): () => void {
  return () => {
    for (const stop of stops) stop();
  };
}
