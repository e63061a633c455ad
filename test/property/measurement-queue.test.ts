import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PipelineEvent } from '../../src/domain/event.ts';
import type { PipelineState, PipelineStatus } from '../../src/domain/state.ts';
import { ActorMetrics } from '../../src/metrics/actor-metrics.ts';
import { DEFAULT_ACTOR_METRICS_CONFIG } from '../../src/metrics/actor-metrics-config.ts';
import { type MeasurementQueue, NOTHING_WAITS } from '../../src/metrics/measurement-queue.ts';
import { METER_NAME } from '../../src/metrics/names.ts';
import { createPipelineRecorder } from '../../src/metrics/record-event.ts';
import { PipelineMetricsReporter } from '../../src/metrics/reporter.ts';
import type { ActorObservation } from '../../src/runtime/actor-observer.ts';
import { expositionText, quietTelemetry } from '../support/collect-metrics.ts';

const IDS = ['a', 'b', 'c'];

type Step =
  | {
      readonly do: 'batch' | 'checkpoint' | 'fail' | 'removed' | 'released' | 'restored' | 'changed';
      readonly id: string;
    }
  | { readonly do: 'appended'; readonly value: number }
  | { readonly do: 'turn'; readonly id: string; readonly value: number }
  | { readonly do: 'crash' | 'actor stops'; readonly id: string }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'scrape' };

const id = fc.constantFrom(...IDS);
const value = fc.oneof(fc.double({ min: 0, max: 50, noNaN: true }), fc.constantFrom(Number.NaN, -1, 0));
const often = fc.constantFrom('batch' as const, 'checkpoint' as const);
const rare = fc.constantFrom(
  'fail' as const,
  'removed' as const,
  'released' as const,
  'restored' as const,
  'changed' as const,
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: often, id }), weight: 8 },
  { arbitrary: fc.record({ do: rare, id }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant('appended' as const), value }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('turn' as const), id, value }), weight: 4 },
  { arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'actor stops' as const), id }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 9000 }) }), weight: 2 },
  { arbitrary: fc.constant({ do: 'scrape' as const }), weight: 1 },
);

function stateOf(status: PipelineStatus): PipelineState {
  const checkpoint = { offset: 1, timestamp: 1000, recordsProcessed: 1 };
  const metrics = { totalRecordsProcessed: 1, lastProcessedAt: 2000 };
  return { status, checkpoint, metrics } as unknown as PipelineState;
}

class Life {
  readonly #telemetry = quietTelemetry();
  readonly #recorder: ReturnType<typeof createPipelineRecorder>;
  readonly #reporter: PipelineMetricsReporter;
  readonly #actors: ActorMetrics;
  readonly #observations = new Map<string, ActorObservation>();
  readonly #exported: string[] = [];
  #ms = 20_000;

  constructor(queueOf: (own: MeasurementQueue) => MeasurementQueue) {
    const meter = this.#telemetry.meterProvider.getMeter(METER_NAME);
    const queue = queueOf(this.#telemetry.queue);
    const series = this.#telemetry.series!;
    const clock = { now: () => this.#ms, monotonic: () => this.#ms };
    this.#reporter = new PipelineMetricsReporter(meter, { series, clock, warn: () => {} });
    this.#recorder = createPipelineRecorder(this.#reporter, queue);
    const config = { ...DEFAULT_ACTOR_METRICS_CONFIG, track: { include: ['**'] } };
    this.#actors = new ActorMetrics(meter, { config, system: 's', series, queue, warn: () => {} });
  }

  async live(steps: readonly Step[]): Promise<string[]> {
    for (const one of steps) await this.#take(one);
    await this.#scrape();
    this.#reporter.close();
    this.#actors.close();
    await this.#telemetry.shutdown();
    return this.#exported;
  }

  async #take(one: Step): Promise<void> {
    switch (one.do) {
      case 'batch':
        return this.#event(one.id, { type: 'BatchProcessed', successCount: 3, failureCount: 1, processingTimeMs: 7 });
      case 'checkpoint':
        return this.#event(one.id, { type: 'CheckpointUpdated', checkpoint: { offset: this.#ms } });
      case 'fail':
        return this.#event(one.id, { type: 'BatchFailed', error: { code: 'BROKEN' } });
      case 'changed':
        return this.#event(one.id, { type: 'PipelinePaused' }, 'paused');
      case 'removed':
        return this.#event(one.id, { type: 'PipelineRemoved' }, 'empty');
      case 'released':
        return this.#recorder.release(one.id);
      case 'restored':
        return this.#recorder.restore(one.id, stateOf('running'));
      case 'appended':
        return this.#recorder.appended(one.value);
      case 'turn': {
        const observation = this.#observation(one.id);
        observation.waited(one.value / 2);
        observation.turnEnded(one.value);
        return observation.processed(2, Math.round(one.value) % 2 || 0);
      }
      case 'crash':
        return this.#observation(one.id).failed();
      case 'actor stops':
        this.#observation(one.id).stopped();
        this.#observations.delete(one.id);
        return;
      case 'pass':
        this.#ms += one.ms;
        return;
      case 'scrape':
        return this.#scrape();
    }
  }

  #event(pipelineId: string, event: object, after: PipelineStatus = 'running'): void {
    const whole = { pipelineId, timestamp: this.#ms, ...event } as unknown as PipelineEvent;
    this.#recorder.record(whole, stateOf('running'), stateOf(after));
  }

  #observation(name: string): ActorObservation {
    let observation = this.#observations.get(name);
    if (observation === undefined) {
      observation = this.#actors.started({ path: `dataflow/${name}`, mailboxSize: 1 });
      this.#observations.set(name, observation);
    }
    return observation;
  }

  async #scrape(): Promise<void> {
    const text = expositionText(await this.#telemetry.scrape());
    this.#exported.push(text.replaceAll(/_created.*\n/g, ''));
  }
}

test('whoever reads finds the same numbers, whether measurements wait or not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const waiting = await new Life((queue) => queue).live(steps);
      expect(waiting).toEqual(await new Life(() => NOTHING_WAITS).live(steps));
    }),
    { numRuns: 60 },
  );
});
