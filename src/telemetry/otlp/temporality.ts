import {
  AggregationTemporality,
  type AggregationTemporalitySelector,
  InstrumentType,
} from '@opentelemetry/sdk-metrics';
import type { OtlpTemporality } from './otlp-config.ts';

const DELTA: Readonly<Record<OtlpTemporality, readonly InstrumentType[]>> = {
  cumulative: [],
  delta: [
    InstrumentType.COUNTER,
    InstrumentType.OBSERVABLE_COUNTER,
    InstrumentType.HISTOGRAM,
    InstrumentType.GAUGE,
    InstrumentType.OBSERVABLE_GAUGE,
  ],
  lowmemory: [InstrumentType.COUNTER, InstrumentType.HISTOGRAM],
};

/** Which instruments are exported as changes, by the OTLP exporter specification. */
export function temporalitySelector(preference: OtlpTemporality): AggregationTemporalitySelector {
  const delta = DELTA[preference];
  return (type) => (delta.includes(type) ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE);
}
