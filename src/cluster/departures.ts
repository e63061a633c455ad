/**
 * The pipelines that were here and left, whose counters this process still shows. Owns the memory of them, and the
 * question what became of them; stands before the recorder, since what comes, leaves and is removed passes there.
 *
 * R1. What leaves, however it does, is remembered until it comes back or was removed; what was removed here is not.
 * R2. The series of a pipeline that was removed elsewhere go. They also go where another one of its id comes here, before
 *     anything is recorded of that: it does not go on from the counts of the one before. One that is removed and created
 *     again elsewhere between two looks is taken for the same until it comes here or is removed in turn.
 * R3. Nothing is asked while nothing is remembered, nor more often than once a second.
 * R4. Nothing is asked of a key that has its actor here: what is still on its way from that would bring the series back.
 */
import type { PipelineEvent } from '../domain/event.ts';
import type { PipelineState } from '../domain/state.ts';
import type { PipelineRecorder } from '../metrics/recorder.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Leases } from './leases.ts';

const PAUSE_MS = 1000;
/** By one statement. */
const ASKED_AT_ONCE = 5000;

export class Departures implements PipelineRecorder {
  readonly #recorder: PipelineRecorder;
  readonly #clock: Clock;
  // By id, when each was created, which tells a pipeline from the next one of its id.
  readonly #here = new Map<string, number>();
  readonly #left = new Map<string, number>();
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(recorder: PipelineRecorder, clock: Clock) {
    this.#recorder = recorder;
    this.#clock = clock;
  }

  /** Removes the series of those that left and were removed since. `hasActor`: of this process, be it one that ends. */
  async look(leases: Pick<Leases, 'retired'>, hasActor: (key: string) => boolean): Promise<void> {
    const now = this.#clock.monotonic();
    if (this.#left.size === 0 || now - this.#askedAt < PAUSE_MS) return;
    const asked = [...this.#left].filter(([key]) => !hasActor(key));
    for (let at = 0; at < asked.length; at += ASKED_AT_ONCE) {
      this.#askedAt = now;
      const chunk = new Map(asked.slice(at, at + ASKED_AT_ONCE));
      for (const key of await leases.retired([...chunk.keys()])) {
        // Unless it came meanwhile, or came and left again as another one.
        if (this.#left.get(key) === chunk.get(key) && !hasActor(key)) this.remove(key);
      }
    }
  }

  record(event: PipelineEvent, before: PipelineState, after: PipelineState): void {
    this.#recorder.record(event, before, after);
    if (event.type === 'PipelineRemoved') this.#forget(event.pipelineId);
    else if (event.type === 'PipelineCreated' && after.status !== 'empty') {
      this.#here.set(event.pipelineId, after.createdAt);
    }
  }

  restore(pipelineId: string, state: PipelineState): void {
    const createdAt = state.status === 'empty' ? undefined : state.createdAt;
    const known = this.#here.get(pipelineId) ?? this.#left.get(pipelineId);
    if (known !== undefined && known !== createdAt) this.#recorder.remove(pipelineId);
    this.#forget(pipelineId);
    if (createdAt !== undefined) this.#here.set(pipelineId, createdAt);
    this.#recorder.restore(pipelineId, state);
  }

  release(pipelineId: string): void {
    this.#recorder.release(pipelineId);
    const createdAt = this.#here.get(pipelineId);
    if (createdAt === undefined) return;
    this.#here.delete(pipelineId);
    this.#left.set(pipelineId, createdAt);
  }

  remove(pipelineId: string): void {
    this.#forget(pipelineId);
    this.#recorder.remove(pipelineId);
  }

  batchesInflight(pipelineId: string, count: number): void {
    this.#recorder.batchesInflight(pipelineId, count);
  }

  batchDeduplicated(pipelineId: string): void {
    this.#recorder.batchDeduplicated(pipelineId);
  }

  sourceLag(pipelineId: string, records: number | undefined): void {
    this.#recorder.sourceLag(pipelineId, records);
  }

  recovered(durationSeconds: number, eventsReplayed: number): void {
    this.#recorder.recovered(durationSeconds, eventsReplayed);
  }

  appended(durationSeconds: number): void {
    this.#recorder.appended(durationSeconds);
  }

  #forget(pipelineId: string): void {
    this.#here.delete(pipelineId);
    this.#left.delete(pipelineId);
  }
}
