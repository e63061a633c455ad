/**
 * Owns the instruments of our own scopes and their numbers: a MeterProvider of @opentelemetry/api that any recorder
 * works with, and that official readers collect from as a MetricProducer. Owns no reader, no server, no timer.
 *
 * R1 A removed series is in no later collection, its memory is free, and the same attributes begin again at 0.
 * R2 No instrument holds more series than its limit; what is beyond is in one overflow series, exactly.
 * R3 Every reader of one moment sees the same numbers, whatever its temporality.
 */
import { type Attributes, diag, type MeterOptions, type MeterProvider, ValueType } from '@opentelemetry/api';
import type { MetricProducer, ScopeMetrics, ViewOptions } from '@opentelemetry/sdk-metrics';
import type { MetricFamily } from './family.ts';
import { familyOf } from './family-of.ts';
import { integerSink, processingSink, type Sink, sinkOf } from './instruments.ts';
import { EngineMeter } from './meter.ts';
import { EngineObservable, Observers } from './observables.ts';
import { type AggregationSelector, EngineProducer, type TemporalitySelector } from './producer.ts';
import type { EngineSeries } from './schema.ts';
import { SeriesRegistry } from './series-registry.ts';
import {
  type Descriptor,
  HistogramStream,
  LastValueStream,
  ObservedSumStream,
  type Stream,
  type StreamOptions,
  SumStream,
} from './streams.ts';
import { Tracing } from './tracing.ts';
import { type InstrumentRequest, planStreams, type StreamPlan } from './views.ts';

const OBSERVE_TIMEOUT_MS = 5000;

export interface MetricsEngineOptions {
  /** As the SDK takes them; of two that give streams of one name the first wins. */
  readonly views?: readonly ViewOptions[];
  /** Series an instrument may have, by its name; default 10,000. A View's own limit wins. */
  readonly seriesLimit?: number | ((instrument: string) => number);
  /** False drops the instrument: recording to it costs next to nothing. */
  readonly wanted?: (instrument: string) => boolean;
  /** The attribute that names what series belong to; removing by it is cheap. Default `pipeline_id`. */
  readonly owner?: string;
  /** Called for each measurement that an overflow series took. */
  readonly onOverflow?: (instrument: string) => void;
  /** Called once for each kind of thing refused or renamed; default: OpenTelemetry's diagnostic logger. */
  readonly warn?: (message: string) => void;
  /** ms since the epoch. */
  readonly now?: () => number;
}

export class MetricsEngine implements MeterProvider {
  readonly #options: MetricsEngineOptions;
  readonly #now: () => number;
  readonly #registry: SeriesRegistry;
  readonly #observers = new Observers();
  readonly #tracing = new Tracing();
  readonly #streams: Stream[] = [];
  readonly #producers: EngineProducer[] = [];
  readonly #meters = new Map<string, EngineMeter>();
  readonly #said = new Set<string>();
  #beforeReading = (): void => {};
  #reader: object | undefined;

  constructor(options: MetricsEngineOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#registry = new SeriesRegistry({
      owner: options.owner ?? 'pipeline_id',
      now: this.#now,
      warn: (message) => this.#warnOnce(message, message),
    });
  }

  getMeter(name: string, version?: string, options?: MeterOptions): EngineMeter {
    const key = JSON.stringify([name, version ?? '', options?.schemaUrl ?? '']);
    let meter = this.#meters.get(key);
    if (meter === undefined) {
      const schemaUrl = options?.schemaUrl;
      const scope = {
        name,
        ...(version === undefined ? {} : { version }),
        ...(schemaUrl === undefined ? {} : { schemaUrl }),
      };
      meter = new EngineMeter(scope, {
        observers: this.#observers,
        refuse: (instrument, value) => this.#refuse(instrument, value),
        warn: (message) => this.#warnOnce(message, message),
        sink: (request) => this.#sink(request),
        observable: (request) => this.#observable(request),
      });
      this.#meters.set(key, meter);
    }
    return meter;
  }

  /** False where exemplars may be asked for: a measurement is then to be recorded in the context that it was taken in. */
  get ignoresContext(): boolean {
    return !this.#tracing.isOn;
  }

  /** `record` is called before anybody reads or removes a number, to bring in what was measured and not recorded yet. */
  beforeReading(record: () => void): void {
    this.#beforeReading = record;
  }

  /** Points of all instruments; a histogram's is one. */
  get size(): number {
    let size = 0;
    for (const { store } of this.#streams) size += store.size;
    return size;
  }

  /** Who the callbacks of observable instruments are run for, for those that tell their readers apart. */
  get reader(): object | undefined {
    return this.#reader;
  }

  /**
   * Runs the callbacks of observable instruments. Gives their errors, which are logged already; never rejects.
   *
   * @param reader any object that stands for it; absent for what only looks. Who comes while they run shares the run.
   */
  observe(timeoutMs = OBSERVE_TIMEOUT_MS, reader?: object): Promise<readonly unknown[]> {
    this.#beforeReading();
    this.#tracing.look();
    if (!this.#observers.isRunning) this.#reader = reader;
    return this.#observers.run(timeoutMs);
  }

  /** Every instrument that has points, with its live cumulative numbers. Observable ones are as of the last `observe`. */
  families(): Iterable<MetricFamily> {
    this.#beforeReading();
    const before = this.#registry.nextOrdinal;
    const streams = this.#streams;
    return {
      *[Symbol.iterator]() {
        for (const stream of streams) if (stream.store.size > 0) yield familyOf(stream, before);
      },
    };
  }

  /**
   * Removes every series that has all of the given attributes from all instruments, and returns how many points went.
   * Cheap where the owner attribute is among them. Observable instruments bring theirs back as long as their callbacks
   * observe them.
   */
  remove(attributes: Attributes): number {
    this.#beforeReading();
    let removed = 0;
    for (const series of this.#registry.matching(attributes)) removed += this.#removeSeries(series);
    return removed;
  }

  /** Removes the one series of exactly these attributes from all instruments. */
  removeExactly(attributes: Attributes): number {
    this.#beforeReading();
    const series = this.#registry.resolve(attributes, () => false);
    return series === undefined ? 0 : this.#removeSeries(series);
  }

  /** The cumulative numbers as the SDK's data, observable ones as of the last `observe`. */
  async snapshot(): Promise<ScopeMetrics[]> {
    this.#beforeReading();
    const producer = new EngineProducer(this.#streams, this.#registry, { observe: async () => [], now: this.#now });
    return (await producer.collect()).resourceMetrics.scopeMetrics;
  }

  /**
   * For one reader: `new PeriodicExportingMetricReader({ metricProducers: [engine.producer(selector)] })`. Each reader
   * needs its own, since what has been reported by deltas is remembered here.
   */
  producer(temporality?: TemporalitySelector, aggregation?: AggregationSelector): MetricProducer {
    const reader = {};
    const producer = new EngineProducer(this.#streams, this.#registry, {
      observe: (timeoutMs) => this.observe(timeoutMs, reader),
      now: this.#now,
      ...(temporality === undefined ? {} : { temporality }),
      ...(aggregation === undefined ? {} : { aggregation }),
    });
    this.#producers.push(producer);
    return producer;
  }

  #removeSeries(series: EngineSeries): number {
    let removed = 0;
    for (const stream of this.#streams) {
      for (const producer of this.#producers) producer.leaving(stream, series);
      if (stream.remove(series)) removed += 1;
    }
    return removed;
  }

  #sink(request: InstrumentRequest): Sink {
    const sink = sinkOf(
      this.#plans(request).map((plan) => processingSink(this.#stream(request, plan, SumStream), plan.processors)),
    );
    return request.valueType === ValueType.INT ? integerSink(sink) : sink;
  }

  #observable(request: InstrumentRequest): EngineObservable {
    const streams = this.#plans(request).map((plan) => ({
      stream: this.#stream(request, plan, ObservedSumStream),
      processors: plan.processors,
    }));
    const observable = new EngineObservable(request, streams, this.#observers, (instrument, value) =>
      this.#refuse(instrument, value),
    );
    this.#observers.register(observable);
    return observable;
  }

  #plans(request: InstrumentRequest): StreamPlan[] {
    const { views = [], wanted = () => true } = this.#options;
    return wanted(request.name) ? planStreams(views, request) : [];
  }

  #stream(request: InstrumentRequest, plan: StreamPlan, Sum: new (options: StreamOptions) => Stream): Stream {
    const { name, description, shape } = plan;
    const { scope, unit, valueType, instrumentType } = request;
    const known = this.#streams.find(({ descriptor: other }) => isSameStream(other, { ...request, name }));
    if (known !== undefined) {
      // As in the SDK, what feeds one stream adds up there, and the longer description stays.
      if (description.length > known.descriptor.description.length) {
        known.descriptor = { ...known.descriptor, description };
      }
      return known;
    }
    const { seriesLimit = 10_000, onOverflow } = this.#options;
    const options: StreamOptions = {
      registry: this.#registry,
      descriptor: { scope, name, description, unit, valueType, instrumentType },
      limit: plan.limit ?? (typeof seriesLimit === 'number' ? seriesLimit : seriesLimit(request.name)),
      onOverflow: () => {
        this.#warnOnce(
          `overflow ${name}`,
          `${name} has reached its limit of series; further ones share one series. Raise metrics.seriesLimit, or remove pipelines that are no longer needed.`,
        );
        onOverflow?.(name);
      },
    };
    const stream =
      shape.type === 'histogram'
        ? new HistogramStream(options, shape, this.#now, this.#tracing)
        : shape.type === 'gauge'
          ? new LastValueStream(options)
          : new Sum(options);
    this.#streams.push(stream);
    return stream;
  }

  #refuse(instrument: string, value: unknown): void {
    const got = typeof value === 'number' ? String(value) : typeof value;
    this.#warnOnce(
      `value ${instrument}`,
      `${instrument}: ${got} cannot be recorded and was left out. Further ones are refused silently.`,
    );
  }

  #warnOnce(key: string, message: string): void {
    // The number of different warnings is bounded: names of instruments, and of guarded keys.
    if (this.#said.has(key) || this.#said.size > 1000) return;
    this.#said.add(key);
    try {
      (this.#options.warn ?? ((text) => diag.warn(text)))(message);
    } catch {
      // A warning that cannot be delivered must not stop what it warns about.
    }
  }
}

function isSameStream(one: Descriptor, other: Descriptor): boolean {
  return (
    one.scope === other.scope &&
    one.name.toLowerCase() === other.name.toLowerCase() &&
    one.unit === other.unit &&
    one.instrumentType === other.instrumentType &&
    one.valueType === other.valueType
  );
}
