import { afterEach, describe, expect, test } from '@jest/globals';
import type { Attributes, BatchObservableCallback, BatchObservableResult, Meter } from '@opentelemetry/api';
import { ActorMetrics } from '../../../src/metrics/actor-metrics.ts';
import { type ActorMetricsConfig, DEFAULT_ACTOR_METRICS_CONFIG } from '../../../src/metrics/actor-metrics-config.ts';
import { METER_NAME } from '../../../src/metrics/names.ts';
import type { ActorObserver } from '../../../src/runtime/actor-observer.ts';
import type { Telemetry } from '../../../src/telemetry/start-telemetry.ts';
import { quietTelemetry, scrape } from '../../support/collect-metrics.ts';

const TRACK_ALL = { track: { include: ['**'] } };

let telemetry: Telemetry;
let metrics: ActorMetrics;
const warnings: string[] = [];

afterEach(async () => {
  metrics.close();
  await telemetry.shutdown();
  warnings.length = 0;
});

function start(config: Partial<ActorMetricsConfig> = {}): ActorMetrics {
  telemetry = quietTelemetry();
  metrics = new ActorMetrics(telemetry.meterProvider.getMeter(METER_NAME), {
    config: { ...DEFAULT_ACTOR_METRICS_CONFIG, ...config },
    system: 'test',
    series: telemetry.series,
    queue: telemetry.queue,
    warn: (message) => warnings.push(message),
  });
  return metrics;
}

/** What stands in a scrape of the `nact_*` families: `name{label="value"}` → value, buckets left out. */
async function series(): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [name, { samples }] of await scrape(telemetry)) {
    if (!name.startsWith('nact_')) continue;
    for (const sample of samples) {
      if (sample.name.endsWith('_bucket')) continue;
      const { path, group } = sample.labels;
      expect(sample.labels.system).toBe('test');
      found[`${sample.name.slice(5)} ${path ?? group ?? ''}`.trim()] = sample.value;
    }
  }
  return found;
}

function actor(path: string, mailboxSize = 0): { readonly path: string; mailboxSize: number } {
  return { path, mailboxSize };
}

test('is what the runtime asks for', () => {
  const observer: ActorObserver = start();
  expect(observer).toBe(metrics);
});

test('what is known beforehand starts at 0', async () => {
  start({ groups: { imports: { include: ['dataflow/import-*'] } } });
  expect(await series()).toEqual({
    system_active_actors: 0,
    system_processed_messages_total: 0,
    system_dead_letters_total: 0,
    system_unhandled_messages_total: 0,
    'group_members imports': 0,
    'group_members default': 0,
    'group_pending_messages imports': 0,
    'group_pending_messages default': 0,
    'group_errors_total imports': 0,
    'group_errors_total default': 0,
  });
});

test('a measurement of an actor that is not tracked goes to its group and the system', async () => {
  const a = start().started(actor('dataflow/a', 3));
  metrics.started(actor('dataflow/b', 4));
  a.waited(0.5);
  a.waited(0.25);
  a.turnEnded(2);
  a.processed(2, 1);
  a.failed();
  metrics.deadLetter();
  expect(await series()).toEqual({
    system_active_actors: 2,
    system_processed_messages_total: 2,
    system_dead_letters_total: 1,
    system_unhandled_messages_total: 1,
    'group_members default': 2,
    'group_pending_messages default': 7,
    'group_time_in_mailbox_seconds_count default': 2,
    'group_time_in_mailbox_seconds_sum default': 0.75,
    'group_processing_time_seconds_count default': 1,
    'group_processing_time_seconds_sum default': 2,
    'group_errors_total default': 1,
  });
});

test('a tracked actor has its own series, beside those of its groups', async () => {
  start({ track: { include: ['dataflow/import-1'] }, groups: { imports: { include: ['dataflow/import-*'] } } });
  const tracked = metrics.started(actor('dataflow/import-1', 1));
  const other = metrics.started(actor('dataflow/import-2', 1));
  tracked.waited(1);
  other.waited(2);
  tracked.failed();
  const found = await series();
  expect(found['actor_time_in_mailbox_seconds_sum dataflow/import-1']).toBe(1);
  expect(found['actor_errors_total dataflow/import-1']).toBe(1);
  expect(found['actor_mailbox_size dataflow/import-1']).toBe(1);
  expect(found['group_time_in_mailbox_seconds_sum imports']).toBe(3);
  expect(found['group_errors_total imports']).toBe(1);
  expect(found['group_members imports']).toBe(2);
  expect(found['group_members default']).toBe(0);
  expect(Object.keys(found).filter((key) => key.includes('import-2'))).toEqual([]);
});

describe('the mailbox of a tracked actor', () => {
  test('shows its size now, and the most since the previous collection', async () => {
    const mailbox = actor('dataflow/a');
    const observation = start(TRACK_ALL).started(mailbox);
    for (const size of [1, 2, 9]) observation.enqueued(size);
    mailbox.mailboxSize = 4;
    const first = await series();
    expect(first['actor_mailbox_size dataflow/a']).toBe(4);
    expect(first['actor_mailbox_size_max dataflow/a']).toBe(9);
    mailbox.mailboxSize = 0;
    expect((await series())['actor_mailbox_size_max dataflow/a']).toBe(4);
    expect((await series())['actor_mailbox_size_max dataflow/a']).toBe(0);
  });

  test('each reader has its own most, and one that only looks takes none', () => {
    const mailbox = actor('dataflow/a');
    const observation = start(TRACK_ALL).started(mailbox);
    const [one, other] = [{}, {}];
    observation.enqueued(9);
    expect(observation.mostWaiting()).toBe(9);
    mailbox.mailboxSize = 2;
    expect([observation.mostWaiting(one), observation.mostWaiting(one)]).toEqual([9, 2]);
    mailbox.mailboxSize = 0;
    expect([observation.mostWaiting(), observation.mostWaiting(other), observation.mostWaiting()]).toEqual([2, 9, 2]);
    observation.enqueued(5);
    expect([observation.mostWaiting(one), observation.mostWaiting(one), observation.mostWaiting(other)]).toEqual([
      5, 0, 5,
    ]);
  });

  test('what a failed turn puts back counts for the most as well', async () => {
    const mailbox = actor('dataflow/a');
    start(TRACK_ALL).started(mailbox).enqueued(1);
    mailbox.mailboxSize = 6;
    expect((await series())['actor_mailbox_size_max dataflow/a']).toBe(6);
  });
});

describe('an actor that stops', () => {
  test('leaves groups and the number of actors, once however often it is told', async () => {
    const a = start().started(actor('dataflow/a', 5));
    a.stopped();
    a.stopped();
    const found = await series();
    expect(found.system_active_actors).toBe(0);
    expect(found['group_members default']).toBe(0);
    expect(found['group_pending_messages default']).toBe(0);
  });

  test('takes every series of its own with it, also when others stop later and it starts again', async () => {
    start(TRACK_ALL);
    const record = (path: string) => {
      const observation = metrics.started(actor(path, 1));
      observation.enqueued(3);
      observation.waited(1);
      observation.turnEnded(1);
      observation.failed();
      return observation;
    };
    const [a] = [record('dataflow/a'), record('dataflow/b')];
    const both = Object.keys(await series());
    a.stopped();
    const left = Object.keys(await series());
    expect(left).toEqual(both.filter((key) => !key.endsWith('/a')));
    expect(both.length - left.length).toBe(7);
    record('dataflow/a');
    const again = await series();
    expect(again['actor_errors_total dataflow/a']).toBe(1);
    expect(again['actor_time_in_mailbox_seconds_count dataflow/a']).toBe(1);
  });

  test('because the whole system ends keeps its counts for the last export', async () => {
    const a = start(TRACK_ALL).started(actor('dataflow/a', 1));
    a.waited(1);
    metrics.ending();
    a.stopped();
    const found = await series();
    expect(found['actor_time_in_mailbox_seconds_count dataflow/a']).toBe(1);
    expect(found.system_active_actors).toBe(0);
  });

  test('its late measurements reach its groups and the system, but nothing of its own', async () => {
    start({ ...TRACK_ALL, groups: { g: { include: ['**'] } } });
    const a = metrics.started(actor('dataflow/a'));
    a.stopped();
    a.turnEnded(1);
    a.processed(1, 0);
    const found = await series();
    expect(found['group_processing_time_seconds_count g']).toBe(1);
    expect(found.system_processed_messages_total).toBe(1);
    expect(Object.keys(found).filter((key) => key.startsWith('actor_processing'))).toEqual([]);
  });
});

/** A meter that keeps what it is told, for what the SDK cannot show. */
class RecordingMeter {
  readonly removed: Attributes[] = [];
  readonly callbacks = new Set<BatchObservableCallback>();
  failing = false;

  readonly meter = {
    createCounter: () => ({ add: () => this.#fail() }),
    createHistogram: () => ({ record: () => this.#fail() }),
    createObservableGauge: (name: string) => ({ name }),
    addBatchObservableCallback: (callback: BatchObservableCallback) => void this.callbacks.add(callback),
    removeBatchObservableCallback: (callback: BatchObservableCallback) => void this.callbacks.delete(callback),
  } as unknown as Meter;

  observed(): [name: string, value: number, path: unknown][] {
    const all: [string, number, unknown][] = [];
    const observe = (gauge: { name: string }, value: number, attributes: Attributes) =>
      all.push([gauge.name, value, attributes.path]);
    for (const callback of this.callbacks) void callback({ observe } as unknown as BatchObservableResult);
    return all.filter(([, , path]) => path !== undefined);
  }

  #fail(): void {
    if (this.failing) throw new Error('the provider is broken');
  }
}

describe('with an engine', () => {
  const config = { ...DEFAULT_ACTOR_METRICS_CONFIG, ...TRACK_ALL };

  test('that can forget series, those of a stopped actor go', () => {
    start();
    const { meter, removed } = new RecordingMeter();
    const own = new ActorMetrics(meter, {
      config,
      system: 's',
      series: { removeSeries: (attributes) => removed.push(attributes) },
    });
    own.started(actor('dataflow/a')).stopped();
    expect(removed).toEqual([{ path: 'dataflow/a', system: 's' }]);
    own.ending();
    own.started(actor('dataflow/b')).stopped();
    expect(removed).toHaveLength(1);
  });

  test('that cannot, the gauges of a stopped actor become 0 once, unless it has started again', () => {
    start();
    const recording = new RecordingMeter();
    const own = new ActorMetrics(recording.meter, { config, system: 's', series: {} });
    own.started(actor('dataflow/a', 5)).stopped();
    expect(recording.observed()).toEqual([
      ['nact.actor.mailbox.size', 0, 'dataflow/a'],
      ['nact.actor.mailbox.size.max', 0, 'dataflow/a'],
    ]);
    expect(recording.observed()).toEqual([]);
    own.started(actor('dataflow/a', 5)).stopped();
    own.started(actor('dataflow/a', 7));
    expect(recording.observed()).toEqual([
      ['nact.actor.mailbox.size', 7, 'dataflow/a'],
      ['nact.actor.mailbox.size.max', 7, 'dataflow/a'],
    ]);
    own.close();
    expect(recording.callbacks.size).toBe(0);
  });

  test('that throws, nothing is thrown on and one warning says so', () => {
    start();
    const recording = new RecordingMeter();
    recording.failing = true;
    const own = new ActorMetrics(recording.meter, { config, system: 's', warn: (message) => warnings.push(message) });
    const a = own.started({
      path: 'dataflow/a',
      get mailboxSize(): number {
        throw new Error('no size');
      },
    });
    a.enqueued(1);
    a.waited(1);
    a.turnEnded(1);
    a.processed(1, 1);
    a.failed();
    own.deadLetter();
    recording.observed();
    a.stopped();
    expect(warnings).toEqual([expect.stringContaining('the provider is broken')]);
  });
});

test('a time that is no number of seconds is refused with one warning', async () => {
  const a = start().started(actor('dataflow/a'));
  for (const seconds of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    a.waited(seconds);
    a.turnEnded(seconds);
  }
  expect(Object.keys(await series()).filter((key) => key.includes('seconds'))).toEqual([]);
  expect(warnings).toHaveLength(2);
});

test('10,000 actors have as many series as one; their measurements are all there', async () => {
  start({ groups: { even: { include: ['dataflow/*0', 'dataflow/*2', 'dataflow/*4', 'dataflow/*6', 'dataflow/*8'] } } });
  const first = metrics.started(actor('dataflow/1', 1));
  const second = metrics.started(actor('dataflow/2', 1));
  for (const observation of [first, second]) {
    observation.waited(0.001);
    observation.turnEnded(0.001);
  }
  const before = Object.keys(await series());
  for (let i = 3; i <= 10_000; i++) {
    const observation = metrics.started(actor(`dataflow/${i}`, 1));
    observation.waited(0.001);
    observation.turnEnded(0.001);
    observation.processed(2, 0);
  }
  const after = await series();
  expect(Object.keys(after)).toEqual(before);
  expect(after.system_active_actors).toBe(10_000);
  expect(after.system_processed_messages_total).toBe(2 * 9_998);
  for (const group of ['even', 'default']) {
    expect(after[`group_members ${group}`]).toBe(5_000);
    expect(after[`group_pending_messages ${group}`]).toBe(5_000);
    expect(after[`group_time_in_mailbox_seconds_count ${group}`]).toBe(5_000);
    expect(after[`group_processing_time_seconds_count ${group}`]).toBe(5_000);
  }
});

test('2,500 tracked actors are all observed, with turns of the event loop in between', async () => {
  start(TRACK_ALL);
  for (let i = 0; i < 2_500; i++) metrics.started(actor(`dataflow/${i}`, i));
  const found = await series();
  const sizes = Object.keys(found).filter((key) => key.startsWith('actor_mailbox_size dataflow/'));
  expect(sizes).toHaveLength(2_500);
  expect(found['actor_mailbox_size_max dataflow/2499']).toBe(2_499);
});

test('100,000 tracked actors that come and go leave no series behind', async () => {
  start(TRACK_ALL);
  const before = Object.keys(await series());
  for (let i = 0; i < 100_000; i++) {
    const observation = metrics.started(actor(`dataflow/${i}`));
    observation.waited(0.001);
    observation.failed();
    observation.stopped();
  }
  expect(Object.keys(await series())).toEqual(before);
});
