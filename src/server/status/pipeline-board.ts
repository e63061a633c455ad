/**
 * Owns the summaries of all pipelines as they were last looked at, and the JSON text of each: a list is the texts one
 * after the other, a tick those that changed.
 *
 * R1 A summary is made anew only when something that it shows has changed.
 * R2 A change is told to everyone who asks for what is newer than the version they know.
 */
import { type HealthStatus, healthStatusOf } from '../../domain/health.ts';
import type { PipelineState } from '../../domain/state.ts';
import { noTotals, readTotals, recorded, type Totals } from './counters.ts';
import { type History, round } from './history.ts';
import type { PipelineActivity } from './pipeline-activity.ts';
import { type PipelineNumbers, type PipelineSummary, type ShownState, shownState, summaryOf } from './pipeline-view.ts';
import type { PipelineView, StatusPorts } from './ports.ts';

export type Counts = Record<ShownState, number>;

interface Row {
  readonly id: string;
  /** What the summary was made of. */
  state: PipelineState | undefined;
  unavailable: Error | undefined;
  shown: ShownState;
  totals: Totals;
  basis: string;
  summary: PipelineSummary | undefined;
  text: string;
  sampleCount: number;
  spark: string;
  p95Ms: number | null;
  version: number;
  look: number;
}

export class PipelineBoard {
  readonly #ports: Pick<StatusPorts, 'pipelines' | 'metrics'>;
  readonly #activity: PipelineActivity;
  readonly #history: History;
  readonly #rows = new Map<string, Row>();
  #ids: string[] = [];
  #version = 0;
  #look = 0;
  #removed: string[] = [];
  /** While true, ids that go are remembered for `takeRemoved`. */
  isWatched = false;

  constructor(ports: Pick<StatusPorts, 'pipelines' | 'metrics'>, activity: PipelineActivity, history: History) {
    this.#ports = ports;
    this.#activity = activity;
    this.#history = history;
  }

  get version(): number {
    return this.#version;
  }

  /** Looks at every pipeline. */
  refresh(): void {
    this.#look += 1;
    const views: PipelineView[] = [];
    let added = false;
    for (const view of this.#ports.pipelines()) {
      views.push(view);
      const known = this.#rows.get(view.id);
      const row = known ?? newRow(view.id);
      if (known === undefined) {
        this.#rows.set(view.id, row);
        added = true;
      }
      row.look = this.#look;
      row.totals = noTotals();
    }
    const gone = this.#forget();
    if (added || gone) this.#ids = [...this.#rows.keys()].sort((a, b) => (a < b ? -1 : 1));
    const { metrics } = this.#ports;
    if (metrics !== undefined) readTotals(metrics, (id) => this.#rows.get(id)?.totals);
    for (const view of views) this.#update(this.#rows.get(view.id)!, view);
  }

  get counts(): Counts {
    const counts: Counts = { configured: 0, running: 0, paused: 0, stopped: 0, failed: 0 };
    for (const { shown } of this.#rows.values()) counts[shown] += 1;
    return counts;
  }

  get health(): HealthStatus {
    const { running, failed } = this.counts;
    return healthStatusOf({ total: this.#rows.size, running, failed });
  }

  /** The JSON texts of summaries, by id. */
  texts(wanted: (state: ShownState) => boolean = () => true): string[] {
    const rows = this.#ids.map((id) => this.#rows.get(id)!);
    return rows.filter(({ shown }) => wanted(shown)).map(({ text }) => text);
  }

  textsSince(version: number): string[] {
    const texts: string[] = [];
    for (const row of this.#rows.values()) if (row.version > version) texts.push(row.text);
    return texts;
  }

  /** With its sparkline; as of the last look. */
  summary(id: string): (PipelineSummary & { readonly history: readonly number[] }) | undefined {
    const row = this.#rows.get(id);
    return row?.summary && { ...row.summary, history: JSON.parse(row.spark) as number[] };
  }

  takeRemoved(): string[] {
    return this.#removed.splice(0);
  }

  #forget(): boolean {
    let gone = false;
    for (const row of this.#rows.values()) {
      if (row.look === this.#look) continue;
      this.#rows.delete(row.id);
      if (this.isWatched) this.#removed.push(row.id);
      gone = true;
    }
    return gone;
  }

  #update(row: Row, view: PipelineView): void {
    const { metrics } = this.#ports;
    const activity = this.#activity.of(row.id);
    this.#updateFromHistory(row);
    const throughput = metrics?.throughputOf(row.id);
    const numbers: PipelineNumbers = {
      batchesFailed: recorded(metrics, 'batchesFailed', row.totals.batchesFailed),
      retries: recorded(metrics, 'retries', row.totals.retries),
      timeouts: recorded(metrics, 'timeouts', row.totals.timeouts),
      deadLettered: recorded(metrics, 'deadLettered', row.totals.deadLettered),
      throughputPerSecond: throughput === undefined ? null : round(throughput),
      p95Ms: row.p95Ms,
    };
    const { batchesFailed, retries, timeouts, deadLettered, throughputPerSecond, p95Ms } = numbers;
    const { inflight, lagRecords, since, lastError } = activity ?? NO_ACTIVITY;
    const basis = `${batchesFailed} ${retries} ${timeouts} ${deadLettered} ${throughputPerSecond} ${p95Ms} ${inflight} ${lagRecords} ${since} ${lastError?.at} ${lastError?.code} ${row.spark}`;
    if (row.state === view.state && row.unavailable === view.unavailable && row.basis === basis) return;
    row.state = view.state;
    row.unavailable = view.unavailable;
    row.shown = shownState(view);
    row.basis = basis;
    row.summary = summaryOf(view, activity, numbers);
    row.text = `${JSON.stringify(row.summary).slice(0, -1)},"history":${row.spark}}`;
    this.#version += 1;
    row.version = this.#version;
  }

  #updateFromHistory(row: Row): void {
    if (row.sampleCount === this.#history.count) return;
    row.sampleCount = this.#history.count;
    row.spark = JSON.stringify(this.#history.spark(row.id));
    const p95Ms = this.#history.latest(row.id, 'p95Ms');
    row.p95Ms = p95Ms === undefined ? null : round(p95Ms);
  }
}

const NO_ACTIVITY = { inflight: 0, lagRecords: undefined, since: undefined, lastError: undefined };

function newRow(id: string): Row {
  return {
    id,
    state: undefined,
    unavailable: undefined,
    shown: 'failed',
    totals: noTotals(),
    basis: '',
    summary: undefined,
    text: '',
    sampleCount: -1,
    spark: '[]',
    p95Ms: null,
    version: 0,
    look: 0,
  };
}
