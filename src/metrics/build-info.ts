import type { Meter, ObservableResult } from '@opentelemetry/api';
import { createInstrument } from './instruments.ts';

/** Shows the versions of this package and of Node.js, until the returned function is called. */
export function observeBuildInfo(meter: Meter, version: string): () => void {
  const gauge = createInstrument(meter, 'buildInfo');
  const attributes = { version, node_version: process.versions.node };
  const observe = (result: ObservableResult): void => result.observe(1, attributes);
  gauge.addCallback(observe);
  return () => gauge.removeCallback(observe);
}
