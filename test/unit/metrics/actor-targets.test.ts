import { describe, expect, test } from '@jest/globals';
import { createNoopMeter } from '@opentelemetry/api';
import { type ActorMetricsConfig, DEFAULT_ACTOR_METRICS_CONFIG } from '../../../src/metrics/actor-metrics-config.ts';
import { ActorTargets } from '../../../src/metrics/actor-targets.ts';

const meter = createNoopMeter();
const instruments = {
  timeInMailbox: meter.createHistogram('a'),
  processingTime: meter.createHistogram('b'),
  errors: meter.createCounter('c'),
};

function targets(config: Partial<ActorMetricsConfig> = {}): ActorTargets {
  return new ActorTargets({ ...DEFAULT_ACTOR_METRICS_CONFIG, ...config }, 'test', instruments);
}

function namesOf(all: ActorTargets, path: string): (string | undefined)[] {
  return all.groupsOf(path).map(({ attributes }) => attributes.group);
}

describe('the groups of an actor', () => {
  test('without configuration: the default group, and no series of its own', () => {
    const all = targets();
    expect(namesOf(all, 'dataflow/a')).toEqual(['default']);
    expect(all.isTracked('dataflow/a')).toBe(false);
    expect(all.groups.map(({ attributes }) => attributes)).toEqual([{ group: 'default', system: 'test' }]);
  });

  test('all those whose filter it passes; exclude wins; the default group only where there is no other', () => {
    const all = targets({
      groups: {
        imports: { include: ['dataflow/import-*'], exclude: ['dataflow/import-test'] },
        europe: { include: ['**-eu', '**-uk'] },
      },
    });
    expect(namesOf(all, 'dataflow/import-eu')).toEqual(['imports', 'europe']);
    expect(namesOf(all, 'dataflow/import-us')).toEqual(['imports']);
    expect(namesOf(all, 'dataflow/import-test')).toEqual(['default']);
    expect(namesOf(all, 'dataflow/export')).toEqual(['default']);
  });

  test('a tracked actor stays in its groups, but not in the default one', () => {
    const all = targets({
      track: { include: ['dataflow/*'], exclude: ['dataflow/dull'] },
      groups: { imports: { include: ['dataflow/import-*'] } },
    });
    expect(all.isTracked('dataflow/import-1')).toBe(true);
    expect(namesOf(all, 'dataflow/import-1')).toEqual(['imports']);
    expect(namesOf(all, 'dataflow/b')).toEqual([]);
    expect(all.isTracked('dataflow/dull')).toBe(false);
    expect(namesOf(all, 'dataflow/dull')).toEqual(['default']);
  });

  test('no default group: nowhere', () => {
    const all = targets({ defaultGroup: false });
    expect(namesOf(all, 'dataflow/a')).toEqual([]);
    expect(all.groups).toEqual([]);
  });

  test('a group may be the default one as well, and is one group then', () => {
    const all = targets({ groups: { rest: { include: ['dataflow/r'] } }, defaultGroup: 'rest' });
    expect(all.groups).toHaveLength(1);
    expect(all.groupsOf('dataflow/r')).toEqual(all.groupsOf('dataflow/other'));
  });
});
