import { describe, expect, test } from '@jest/globals';
import type { Attributes } from '@opentelemetry/api';
import { METER_NAME } from '../../../../src/metrics/names.ts';
import { MetricsEngine } from '../../../../src/telemetry/engine/metrics-engine.ts';
import { quietTelemetry } from '../../../support/collect-metrics.ts';

function setUp() {
  const engine = new MetricsEngine({ warn: () => {} });
  const counter = engine.getMeter('m').createCounter('c');
  const values = (): [Attributes, number][] =>
    [...engine.families()].flatMap((family) =>
      Array.from(family.points(), ({ series, value }): [Attributes, number] => [series.attributes, value]),
    );
  return { engine, counter, values };
}

describe('sets of keys', () => {
  test('a key that looks like a list of keys is not that list', () => {
    const { counter, values } = setUp();
    counter.add(1, { a: 1, b: 2 });
    counter.add(10, { '["a","b"]': 'x' });
    expect(values().map(([, value]) => value)).toEqual([1, 10]);
  });

  test('their orders are not counted', () => {
    const { counter, values } = setUp();
    const orders = (keys: readonly string[]): string[][] =>
      keys.length === 0
        ? [[]]
        : keys.flatMap((key) => orders(keys.filter((other) => other !== key)).map((rest) => [key, ...rest]));
    const all = orders(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    for (const order of all) counter.add(1, Object.fromEntries(order.map((key) => [key, key])));
    expect(values().map(([, value]) => value)).toEqual([all.length]);
  });

  test('no attributes are always among them, so that what is beyond can be counted', async () => {
    const telemetry = quietTelemetry();
    const counter = telemetry.meterProvider.getMeter(METER_NAME).createCounter('c');
    for (let index = 0; index < 1010; index++) counter.add(1, { [`k${index}`]: 1 });
    counter.add(5);
    const [own] = [...telemetry.families()].filter(({ name }) => name === 'c');
    const points = Array.from(own!.points(), ({ series, value }) => [series.attributes, value]);
    expect(points).toHaveLength(1002);
    expect(points).toContainEqual([{}, 5]);
    expect(points).toContainEqual([{ 'otel.metric.overflow': true }, 10]);
    await telemetry.shutdown();
  });
});

describe('removal', () => {
  test.each([{ le: 'x' }, { '1a': 'x' }, { 'a.b': 1, a_b: 2 }, { __name__: 'x', id: 'y' }])(
    'finds a series by what it was recorded with (%p)',
    (attributes) => {
      const { engine, counter } = setUp();
      counter.add(1, { id: 'other' });
      counter.add(1, attributes as Attributes);
      expect(engine.remove(attributes as Attributes)).toBe(1);
      expect(engine.size).toBe(1);
    },
  );

  test('by a key that can be none takes nothing', () => {
    const { engine, counter } = setUp();
    counter.add(1, { id: 'a' });
    for (const key of ['', '_', 'é', 'unknown']) expect(engine.remove({ [key]: 'a' })).toBe(0);
  });

  test('the owner is found whatever comes with it', () => {
    const { engine, counter } = setUp();
    counter.add(1, { 'pipeline.id': 'q', pipeline_id: 'p' });
    expect(engine.remove({ pipeline_id: 'q' })).toBe(0);
    expect(engine.remove({ pipeline_id: 'p' })).toBe(1);
  });
});

test('an owner of very many series has each once, until it goes', () => {
  const { engine, counter, values } = setUp();
  const each = (visit: (attributes: Attributes) => void, from = 0): void => {
    for (let part = from; part < 300; part++) visit({ pipeline_id: 'p', part });
  };
  for (let count = 0; count < 2; count++) each((attributes) => counter.add(1, attributes));
  expect(values().filter(([, value]) => value === 2)).toHaveLength(300);
  each((attributes) => expect(engine.removeExactly(attributes)).toBe(1), 40);
  expect(engine.size).toBe(40);
  each((attributes) => counter.add(1, attributes));
  expect(engine.size).toBe(300);
  expect(engine.remove({ pipeline_id: 'p', part: 7 })).toBe(1);
  expect(engine.remove({ pipeline_id: 'p' })).toBe(299);
  counter.add(3, { pipeline_id: 'p', part: 0 });
  expect(values()).toEqual([[{ part: 0, pipeline_id: 'p' }, 3]]);
});
