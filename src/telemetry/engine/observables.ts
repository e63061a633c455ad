/**
 * Owns the callbacks of observable instruments and runs them for a collection.
 *
 * R1 A callback that throws, rejects or takes too long takes away the points of its own instruments in this collection:
 *    old values are never shown again, and the others are whole.
 * R2 What a callback observes after its collection has ended goes nowhere.
 * R3 Concurrent runs are one. Points change when all callbacks have ended, not while they run.
 */
import {
  type Attributes,
  type BatchObservableCallback,
  diag,
  type Observable,
  type ObservableCallback,
  ValueType,
} from '@opentelemetry/api';
import { type IAttributesProcessor, InstrumentType } from '@opentelemetry/sdk-metrics';
import type { Refuse } from './instruments.ts';
import type { Descriptor, Stream } from './streams.ts';
import { processed } from './views.ts';

interface ObservedStream {
  readonly stream: Stream;
  readonly processors: readonly IAttributesProcessor[];
}

export class EngineObservable implements Observable {
  readonly name: string;
  readonly streams: readonly ObservedStream[];
  readonly #grows: boolean;
  readonly #isInteger: boolean;
  readonly #observers: Observers;
  readonly #refuse: Refuse;

  constructor(
    { name, instrumentType, valueType }: Pick<Descriptor, 'name' | 'instrumentType' | 'valueType'>,
    streams: readonly ObservedStream[],
    observers: Observers,
    refuse: Refuse,
  ) {
    this.name = name;
    this.streams = streams;
    this.#grows = instrumentType === InstrumentType.OBSERVABLE_COUNTER;
    this.#isInteger = valueType === ValueType.INT;
    this.#observers = observers;
    this.#refuse = refuse;
  }

  addCallback(callback: ObservableCallback): void {
    this.#observers.add(callback, this);
  }

  removeCallback(callback: ObservableCallback): void {
    this.#observers.remove(callback, this);
  }

  observe(value: number, attributes: Attributes | undefined): void {
    if (!Number.isFinite(value) || (this.#grows && value < 0)) {
      this.#refuse(this.name, value);
      return;
    }
    for (const { stream, processors } of this.streams) {
      stream.next ??= stream.createStore();
      stream.recordTo(
        stream.next,
        this.#isInteger ? Math.trunc(value) : value,
        processors.length === 0 ? attributes : processed(attributes ?? {}, processors),
      );
    }
  }

  /** Shows what was observed in place of the points before; a stream may have several instruments. */
  commit(shown: Set<Stream>): void {
    for (const { stream } of this.streams) {
      if (shown.has(stream)) continue;
      shown.add(stream);
      stream.show(stream.next ?? stream.createStore());
    }
  }

  discard(): void {
    for (const { stream } of this.streams) stream.next?.reset();
  }
}

interface Observer {
  readonly callback: ObservableCallback | BatchObservableCallback;
  readonly observables: ReadonlySet<EngineObservable>;
  readonly isBatch: boolean;
}

export class Observers {
  readonly #observers: Observer[] = [];
  readonly #observables = new Set<EngineObservable>();
  #running: Promise<readonly unknown[]> | undefined;

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  register(observable: EngineObservable): void {
    this.#observables.add(observable);
  }

  add(callback: ObservableCallback, observable: EngineObservable): void {
    this.#add({ callback, observables: new Set([observable]), isBatch: false });
  }

  remove(callback: ObservableCallback, observable: EngineObservable): void {
    this.#remove({ callback, observables: new Set([observable]), isBatch: false });
  }

  addBatch(callback: BatchObservableCallback, observables: readonly Observable[]): void {
    const own = ownOf(observables);
    if (own.size > 0) this.#add({ callback, observables: own, isBatch: true });
  }

  removeBatch(callback: BatchObservableCallback, observables: readonly Observable[]): void {
    this.#remove({ callback, observables: ownOf(observables), isBatch: true });
  }

  /** Runs every callback and shows what they observed. Gives the errors; never rejects. */
  run(timeoutMs: number): Promise<readonly unknown[]> {
    this.#running ??= this.#run(timeoutMs).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(timeoutMs: number): Promise<readonly unknown[]> {
    const failed = new Set<EngineObservable>();
    const errors: unknown[] = [];
    await Promise.all(
      // A copy: a callback may take itself away.
      [...this.#observers].map(async (observer) => {
        try {
          await call(observer, timeoutMs);
        } catch (error) {
          for (const observable of observer.observables) failed.add(observable);
          errors.push(error);
          diag.error('A callback of observable instruments failed; their series are left out', error);
        }
      }),
    );
    for (const observable of failed) observable.discard();
    const shown = new Set<Stream>();
    for (const observable of this.#observables) observable.commit(shown);
    return errors;
  }

  #add(observer: Observer): void {
    if (this.#indexOf(observer) < 0) this.#observers.push(observer);
  }

  #remove(observer: Observer): void {
    const index = this.#indexOf(observer);
    if (index >= 0) this.#observers.splice(index, 1);
  }

  #indexOf({ callback, observables, isBatch }: Observer): number {
    return this.#observers.findIndex(
      (other) =>
        other.callback === callback &&
        other.isBatch === isBatch &&
        other.observables.size === observables.size &&
        [...other.observables].every((observable) => observables.has(observable)),
    );
  }
}

function ownOf(observables: readonly Observable[]): Set<EngineObservable> {
  return new Set(observables.filter((observable) => observable instanceof EngineObservable));
}

async function call({ callback, observables, isBatch }: Observer, timeoutMs: number): Promise<void> {
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  try {
    const [only] = observables;
    const work = isBatch
      ? (callback as BatchObservableCallback)({
          observe: (observable, value, attributes) => {
            if (isOpen && observables.has(observable as EngineObservable)) {
              (observable as EngineObservable).observe(value, attributes);
            }
          },
        })
      : (callback as ObservableCallback)({
          observe: (value, attributes) => {
            if (isOpen) only?.observe(value, attributes);
          },
        });
    if (!(work instanceof Promise) && typeof (work as PromiseLike<void> | undefined)?.then !== 'function') return;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`a callback took longer than ${timeoutMs} ms`)), timeoutMs);
      timer.unref();
    });
    await Promise.race([work, timeout]);
  } finally {
    isOpen = false;
    clearTimeout(timer);
  }
}
