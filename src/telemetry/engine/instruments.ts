/**
 * The instruments that a recorder holds. They are ordinary @opentelemetry/api instruments.
 *
 * R1 No method throws.
 * R2 A value that is no finite number, or a negative one where a sum only grows or a distribution has none, is refused
 *    with one warning: it would poison the series for ever.
 */
import {
  type Attributes,
  type Context,
  type Counter,
  context as contextApi,
  type Gauge,
  type Histogram,
  type UpDownCounter,
} from '@opentelemetry/api';
import type { IAttributesProcessor } from '@opentelemetry/sdk-metrics';
import type { Stream } from './streams.ts';
import { processed } from './views.ts';

const INFINITY = Number.POSITIVE_INFINITY;

export type Refuse = (instrument: string, value: unknown) => void;

/** Where the measurements of one instrument go. */
export interface Sink {
  record(value: number, attributes: Attributes | undefined, context?: Context): void;
}

/** A stream behind a View that changes attributes. */
export function processingSink(stream: Stream, processors: readonly IAttributesProcessor[]): Sink {
  if (processors.length === 0) return stream;
  return {
    record: (value, attributes, context = contextApi.active()) =>
      stream.record(value, processed(attributes ?? {}, processors, context), context),
  };
}

/** An instrument of integers: the fraction of a measurement is left out. */
export function integerSink(sink: Sink): Sink {
  return { record: (value, attributes, context) => sink.record(Math.trunc(value), attributes, context) };
}

export function sinkOf(sinks: readonly Sink[]): Sink {
  const [first, ...others] = sinks;
  if (first !== undefined && others.length === 0) return first;
  return {
    record: (value, attributes, context) => {
      for (const sink of sinks) sink.record(value, attributes, context);
    },
  };
}

abstract class Instrument {
  readonly name: string;
  protected readonly sink: Sink;
  readonly #refuse: Refuse;

  constructor(name: string, sink: Sink, refuse: Refuse) {
    this.name = name;
    this.sink = sink;
    this.#refuse = refuse;
  }

  protected refuse(value: unknown): void {
    this.#refuse(this.name, value);
  }
}

export class EngineCounter extends Instrument implements Counter {
  add(value: number, attributes?: Attributes, context?: Context): void {
    if (typeof value === 'number' && value >= 0 && value < INFINITY) this.sink.record(value, attributes, context);
    else this.refuse(value);
  }
}

export class EngineUpDownCounter extends Instrument implements UpDownCounter {
  add(value: number, attributes?: Attributes, context?: Context): void {
    if (Number.isFinite(value)) this.sink.record(value, attributes, context);
    else this.refuse(value);
  }
}

export class EngineGauge extends Instrument implements Gauge {
  record(value: number, attributes?: Attributes, context?: Context): void {
    if (Number.isFinite(value)) this.sink.record(value, attributes, context);
    else this.refuse(value);
  }
}

export class EngineHistogram extends Instrument implements Histogram {
  record(value: number, attributes?: Attributes, context?: Context): void {
    if (typeof value === 'number' && value >= 0 && value < INFINITY) this.sink.record(value, attributes, context);
    else this.refuse(value);
  }
}
