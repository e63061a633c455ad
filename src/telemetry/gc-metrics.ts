/** What the garbage collector did: its pauses, and what it moved into the old space. */
import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import { createInstrument } from '../metrics/instruments.ts';
import { type CollectionKind, CollectionLog } from './collection-log.ts';
import type { Pulse } from './pulse.ts';

// Frozen, so that an engine may know a series by its object alone.
const ATTRIBUTES: Readonly<Record<CollectionKind, Attributes>> = {
  minor: Object.freeze({ gc: 'minor' }),
  major: Object.freeze({ gc: 'major' }),
  incremental: Object.freeze({ gc: 'incremental' }),
  weakcb: Object.freeze({ gc: 'weakcb' }),
  other: Object.freeze({ gc: 'other' }),
};

/** Ends with the returned function. Every pause is recorded: when metrics are collected, but for what the log holds back. */
export function startGcMetrics(meter: Meter, pulse: Pulse): () => void {
  const pauses = createInstrument(meter, 'gcPause');
  const promotion = createInstrument(meter, 'gcPromotion');
  let promotedBytes = 0;
  const log = new CollectionLog((kind, seconds, promoted) => {
    pauses.record(seconds, ATTRIBUTES[kind]);
    promotedBytes += promoted;
  }, pulse);
  const observe = (result: ObservableResult): void => {
    log.read();
    result.observe(promotedBytes);
  };
  promotion.addCallback(observe);
  return () => {
    log.stop();
    promotion.removeCallback(observe);
  };
}
