import type {
  BatchObservableCallback,
  Counter,
  Gauge,
  Histogram,
  Meter,
  MetricOptions,
  Observable,
  ObservableCounter,
  ObservableGauge,
  ObservableUpDownCounter,
  UpDownCounter,
} from '@opentelemetry/api';
import { ValueType } from '@opentelemetry/api';
import { InstrumentType } from '@opentelemetry/sdk-metrics';
import type { MetricFamily } from './family.ts';
import {
  EngineCounter,
  EngineGauge,
  EngineHistogram,
  EngineUpDownCounter,
  type Refuse,
  type Sink,
} from './instruments.ts';
import type { EngineObservable, Observers } from './observables.ts';
import type { InstrumentRequest } from './views.ts';

/** What a meter needs of its engine. */
export interface Instrumentation {
  readonly observers: Observers;
  readonly refuse: Refuse;
  sink(request: InstrumentRequest): Sink;
  observable(request: InstrumentRequest): EngineObservable;
}

type Scope = MetricFamily['scope'];

/** A meter whose instruments are created once: asking again for the same one gives the same. */
export class EngineMeter implements Meter {
  readonly #scope: Scope;
  readonly #engine: Instrumentation;
  readonly #instruments = new Map<string, unknown>();

  constructor(scope: Scope, engine: Instrumentation) {
    this.#scope = scope;
    this.#engine = engine;
  }

  createCounter(name: string, options?: MetricOptions): Counter {
    return this.#sync(name, InstrumentType.COUNTER, options, EngineCounter);
  }

  createUpDownCounter(name: string, options?: MetricOptions): UpDownCounter {
    return this.#sync(name, InstrumentType.UP_DOWN_COUNTER, options, EngineUpDownCounter);
  }

  createGauge(name: string, options?: MetricOptions): Gauge {
    return this.#sync(name, InstrumentType.GAUGE, options, EngineGauge);
  }

  createHistogram(name: string, options?: MetricOptions): Histogram {
    return this.#sync(name, InstrumentType.HISTOGRAM, options, EngineHistogram);
  }

  createObservableCounter(name: string, options?: MetricOptions): ObservableCounter {
    return this.#observable(name, InstrumentType.OBSERVABLE_COUNTER, options);
  }

  createObservableUpDownCounter(name: string, options?: MetricOptions): ObservableUpDownCounter {
    return this.#observable(name, InstrumentType.OBSERVABLE_UP_DOWN_COUNTER, options);
  }

  createObservableGauge(name: string, options?: MetricOptions): ObservableGauge {
    return this.#observable(name, InstrumentType.OBSERVABLE_GAUGE, options);
  }

  addBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    this.#engine.observers.addBatch(callback, observables);
  }

  removeBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    this.#engine.observers.removeBatch(callback, observables);
  }

  #sync<T>(
    name: string,
    type: InstrumentType,
    options: MetricOptions | undefined,
    Kind: new (name: string, sink: Sink, refuse: Refuse) => T,
  ): T {
    const request = this.#request(name, type, options);
    return this.#once(request, () => new Kind(name, this.#engine.sink(request), this.#engine.refuse));
  }

  #observable(name: string, type: InstrumentType, options: MetricOptions | undefined): EngineObservable {
    const request = this.#request(name, type, options);
    return this.#once(request, () => this.#engine.observable(request));
  }

  #request(name: string, instrumentType: InstrumentType, options: MetricOptions = {}): InstrumentRequest {
    const { description = '', unit = '', valueType = ValueType.DOUBLE, advice = {} } = options;
    return { scope: this.#scope, name, description, unit, valueType, instrumentType, advice };
  }

  #once<T>({ name, instrumentType, unit }: InstrumentRequest, create: () => T): T {
    // Names of instruments are equal whatever their case.
    const key = `${name.toLowerCase()}\n${instrumentType}\n${unit}`;
    const known = this.#instruments.get(key) as T | undefined;
    if (known !== undefined) return known;
    const made = create();
    this.#instruments.set(key, made);
    return made;
  }
}
