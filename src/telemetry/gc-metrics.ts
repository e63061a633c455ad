/** What the garbage collector did: its pauses, and what it moved into the old space. */
import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import { createInstrument } from '../metrics/instruments.ts';
import { type CollectionKind, CollectionLog } from './collection-log.ts';
import type { Pulse } from './pulse.ts';

const KINDS: readonly CollectionKind[] = ['minor', 'major', 'incremental', 'weakcb', 'other'];

/** Frozen, so that an engine may know a series by its object alone. */
function attributesByKind(key: string): Readonly<Record<CollectionKind, Attributes>> {
  const entries = KINDS.map((kind) => [kind, Object.freeze({ [key]: kind })]);
  return Object.fromEntries(entries) as Record<CollectionKind, Attributes>;
}

const PAUSES = attributesByKind('gc');
const DURATIONS = attributesByKind('v8js.gc.type');

/** Ends with the returned function. Every pause is recorded: when metrics are collected, but for what the log holds back. */
export function startGcMetrics(meter: Meter, pulse: Pulse): () => void {
  const pauses = createInstrument(meter, 'gcPause');
  const durations = createInstrument(meter, 'v8GcDuration');
  const promotion = createInstrument(meter, 'gcPromotion');
  let promotedBytes = 0;
  const log = new CollectionLog((kind, seconds, promoted) => {
    pauses.record(seconds, PAUSES[kind]);
    durations.record(seconds, DURATIONS[kind]);
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
