/**
 * The instruments of the actors themselves, as the runtime's observer port wants them. Owns their series from the start
 * of an actor to its end; does not own the times, which the runtime takes.
 *
 * R1. Nothing here throws, whatever the provider does.
 * R2. Without tracked actors the number of series is the configuration's, however many actors there are.
 * R3. Gauges are read from the live actors, so they cannot drift; an actor that has stopped is in none.
 * R4. The series of a tracked actor go when it stops, where the engine can forget one; elsewhere its gauges become 0.
 *     When the whole system ends they stay for the last export.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Attributes, BatchObservableResult, Counter, Meter, ObservableGauge } from '@opentelemetry/api';
import type { ActorMetricsConfig } from './actor-metrics-config.ts';
import { Observation, type SystemSeries } from './actor-observation.ts';
import { type ActorGroup, ActorTargets, type Target, type TargetInstruments } from './actor-targets.ts';
import { processWarning, type Warn, WarnOnce } from './guard.ts';
import { createInstrument } from './instruments.ts';
import { type MeasurementQueue, NOTHING_WAITS } from './measurement-queue.ts';
import type { SeriesControl } from './reporter.ts';

/** Observed before the event loop gets a turn. */
const ACTORS_A_TURN = 1000;

export interface ActorMetricsOptions {
  readonly config: ActorMetricsConfig;
  /** The attribute of this name. */
  readonly system: string;
  readonly series?: Pick<SeriesControl, 'removeSeries'> | undefined;
  /** Who the observation at hand is for; undefined: somebody who only looks. Default: all are one reader. */
  readonly reader?: () => object | undefined;
  /** Where what comes with every command may wait; default: nowhere. Who reads these series drains it first. */
  readonly queue?: MeasurementQueue;
  /** Where a refused value or a failing provider is reported, each once; default: a Node.js process warning. */
  readonly warn?: Warn;
}

export class ActorMetrics {
  readonly #meter: Meter;
  readonly #series: Pick<SeriesControl, 'removeSeries'> | undefined;
  readonly #system: SystemSeries;
  readonly #reader: () => object | undefined;
  readonly #deadLetters: Counter;
  readonly #actors: TargetInstruments;
  readonly #targets: ActorTargets;
  readonly #mailboxSize: ObservableGauge;
  readonly #mailboxSizeMax: ObservableGauge;
  readonly #members: ObservableGauge;
  readonly #pending: ObservableGauge;
  readonly #active: ObservableGauge;
  readonly #tracked = new Map<Observation, Target>();
  /** By path: what must be shown as 0 once, since nothing else takes it away. */
  readonly #released = new Map<string, Attributes>();
  #live = 0;
  #ending = false;

  constructor(meter: Meter, options: ActorMetricsOptions) {
    const { config, system, series, queue = NOTHING_WAITS } = options;
    const warn = new WarnOnce(options.warn ?? processWarning);
    this.#meter = meter;
    this.#series = series;
    this.#reader = options.reader ?? (() => this);
    this.#system = {
      attributes: Object.freeze({ system }),
      processed: createInstrument(meter, 'systemProcessedMessages'),
      unhandled: createInstrument(meter, 'systemUnhandledMessages'),
      queue,
      warn,
      onError: (error) => {
        const reason = error instanceof Error ? error.message : String(error);
        warn.say('failed', `Actor metrics could not be recorded: ${reason}. They may be incomplete.`);
      },
    };
    this.#deadLetters = createInstrument(meter, 'systemDeadLetters');
    this.#actors = {
      timeInMailbox: createInstrument(meter, 'actorTimeInMailbox'),
      processingTime: createInstrument(meter, 'actorProcessingTime'),
      errors: createInstrument(meter, 'actorErrors'),
    };
    this.#targets = new ActorTargets(config, system, {
      timeInMailbox: createInstrument(meter, 'groupTimeInMailbox'),
      processingTime: createInstrument(meter, 'groupProcessingTime'),
      errors: createInstrument(meter, 'groupErrors'),
    });
    this.#mailboxSize = createInstrument(meter, 'actorMailboxSize');
    this.#mailboxSizeMax = createInstrument(meter, 'actorMailboxSizeMax');
    this.#members = createInstrument(meter, 'groupMembers');
    this.#pending = createInstrument(meter, 'groupPendingMessages');
    this.#active = createInstrument(meter, 'systemActiveActors');
    this.#safely(() => {
      meter.addBatchObservableCallback(this.#observe, this.#gauges);
      const { attributes, processed, unhandled } = this.#system;
      for (const counter of [processed, unhandled, this.#deadLetters]) counter.add(0, attributes);
      for (const group of this.#targets.groups) group.errors.add(0, group.attributes);
    });
  }

  started(actor: { readonly path: string; readonly mailboxSize: number }): Observation {
    const { path } = actor;
    const own = this.#targets.isTracked(path) ? this.#newTarget(path) : undefined;
    const groups = this.#targets.groupsOf(path);
    const observation = new Observation(actor, own, groups, this.#system, this.#stopped);
    this.#live += 1;
    for (const { members } of groups) members.add(observation);
    if (own !== undefined) {
      this.#released.delete(path);
      this.#tracked.set(observation, own);
      this.#safely(() => own.errors.add(0, own.attributes));
    }
    return observation;
  }

  deadLetter(): void {
    this.#safely(() => this.#deadLetters.add(1, this.#system.attributes));
  }

  ending(): void {
    this.#ending = true;
  }

  /** Stops observing. */
  close(): void {
    this.#safely(() => this.#meter.removeBatchObservableCallback(this.#observe, this.#gauges));
    this.#tracked.clear();
    this.#released.clear();
  }

  get #gauges(): ObservableGauge[] {
    return [this.#mailboxSize, this.#mailboxSizeMax, this.#members, this.#pending, this.#active];
  }

  #newTarget(path: string): Target {
    return { ...this.#actors, attributes: Object.freeze({ path, system: this.#system.attributes.system }) };
  }

  readonly #stopped = (observation: Observation): void => {
    this.#live -= 1;
    for (const { members } of observation.groups) members.delete(observation);
    const { own } = observation;
    if (own === undefined) return;
    this.#tracked.delete(observation);
    const { attributes } = own;
    if (this.#series?.removeSeries === undefined) this.#released.set(attributes.path!, attributes);
    else if (!this.#ending) this.#safely(() => this.#series?.removeSeries?.(attributes));
  };

  readonly #observe = async (result: BatchObservableResult): Promise<void> => {
    try {
      const reader = this.#reader();
      result.observe(this.#active, this.#live, this.#system.attributes);
      for (const group of this.#targets.groups) this.#observeGroup(result, group);
      for (const attributes of this.#released.values()) {
        result.observe(this.#mailboxSize, 0, attributes);
        result.observe(this.#mailboxSizeMax, 0, attributes);
      }
      this.#released.clear();
      let observed = 0;
      for (const [observation, { attributes }] of this.#tracked) {
        result.observe(this.#mailboxSize, observation.mailboxSize, attributes);
        result.observe(this.#mailboxSizeMax, observation.mostWaiting(reader), attributes);
        observed += 1;
        if (observed % ACTORS_A_TURN === 0) await nextTurn();
      }
    } catch (error) {
      this.#system.onError(error);
    }
  };

  #observeGroup(result: BatchObservableResult, { members, attributes }: ActorGroup): void {
    let pending = 0;
    for (const { mailboxSize } of members) pending += mailboxSize;
    result.observe(this.#members, members.size, attributes);
    result.observe(this.#pending, pending, attributes);
  }

  #safely(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#system.onError(error);
    }
  }
}
