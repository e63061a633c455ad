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
  readonly warn: (message: string) => void;
  sink(request: InstrumentRequest): Sink;
  observable(request: InstrumentRequest): EngineObservable;
}

type Scope = MetricFamily['scope'];

/** As OpenTelemetry has it. What else a name holds is made fit for each format when it is shown. */
const NAME = /^[a-z][a-z0-9_.\-/]{0,254}$/i;

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

  /** Callers without types may give anything, null for what they leave out. */
  #request(given: unknown, instrumentType: InstrumentType, options: unknown): InstrumentRequest {
    const name = String(given);
    if (!NAME.test(name)) {
      this.#engine.warn(
        `The instrument name ${JSON.stringify(name.slice(0, 255))} is invalid: use a letter and then up to 254 of letters, digits, _ . - /`,
      );
    }
    const { description, unit, valueType, advice } = Object(options) as MetricOptions;
    return {
      scope: this.#scope,
      name,
      description: String(description ?? ''),
      unit: String(unit ?? ''),
      valueType: valueType === ValueType.INT ? ValueType.INT : ValueType.DOUBLE,
      instrumentType,
      advice: advice ?? {},
    };
  }

  #once<T>({ name, description, instrumentType, unit, valueType }: InstrumentRequest, create: () => T): T {
    // Names of instruments are equal whatever their case. What differs in its description alone feeds the same stream.
    const key = JSON.stringify([name.toLowerCase(), instrumentType, unit, valueType, description]);
    const known = this.#instruments.get(key) as T | undefined;
    if (known !== undefined) return known;
    const made = create();
    this.#instruments.set(key, made);
    return made;
  }
}
