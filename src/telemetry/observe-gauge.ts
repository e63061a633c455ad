import { diag, type Meter, type Observable, type ObservableGauge, type ObservableResult } from '@opentelemetry/api';
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
  const callback = (result: ObservableResult): void => safely(() => observe(result));
  observable.addCallback(callback);
  return () => observable.removeCallback(callback);
}

function safely(read: () => void): void {
  try {
    read();
  } catch (error) {
    diag.warn('A runtime metric could not be read', error);
  }
}

export function stopAll(stops: readonly (() => void)[]): () => void {
  return () => {
    for (const stop of stops) stop();
  };
}
