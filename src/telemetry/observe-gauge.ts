import { diag, type Meter, type ObservableGauge } from '@opentelemetry/api';
import { createInstrument } from '../metrics/instruments.ts';
import type { InstrumentKey } from '../metrics/names.ts';

/**
 * Observes what `read` gives; undefined, no number or a failure leaves the series out of this collection. Returns the
 * function that ends it.
 */
export function observeGauge(meter: Meter, key: InstrumentKey, read: () => number | undefined): () => void {
  const gauge = createInstrument(meter, key) as ObservableGauge;
  const callback: Parameters<ObservableGauge['addCallback']>[0] = (result) => {
    try {
      const value = read();
      if (value !== undefined && Number.isFinite(value)) result.observe(value);
    } catch (error) {
      diag.warn('A runtime metric could not be read', error);
    }
  };
  gauge.addCallback(callback);
  return () => gauge.removeCallback(callback);
}

export function stopAll(stops: readonly (() => void)[]): () => void {
  return () => {
    for (const stop of stops) stop();
  };
}
