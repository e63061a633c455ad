/**
 * Owns the summaries of all pipelines as they were last looked at, and the JSON text of each: a list is the texts one
 * after the other, a tick those that changed.
 *
 * R1 A summary is made anew only when something that it shows has changed.
 * R2 A change is told to everyone who asks for what is newer than the version they know.
 */
import { type HealthStatus, healthStatusOf } from '../../domain/health.ts';
import { redactText } from '../../domain/secrets.ts';
import type { PipelineState } from '../../domain/state.ts';
import { noTotals, readTotals, recorded, resetTotals, type Totals } from './counters.ts';
import { type History, round } from './history.ts';
import type { Activity, PipelineActivity } from './pipeline-activity.ts';
import { type PipelineNumbers, type PipelineSummary, type ShownState, shownState, summaryOf } from './pipeline-view.ts';
import type { PipelineView, StatusPorts } from './ports.ts';

export type Counts = Record<ShownState, number>;

interface Row {
  readonly id: string;
  /** What the summary was made of. */
  state: PipelineState | undefined;
  unavailable: Error | undefined;
  shown: ShownState;
  activity: Activity | undefined;
  activityChanges: number;
  numbers: PipelineNumbers | undefined;
  /** As they are read now. */
  readonly totals: Totals;
  /** Without the secrets that somebody may have written into it. */
  description: { readonly given: string; readonly shown: string };
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
      resetTotals(row.totals);
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
    const isSampled = this.#updateFromHistory(row);
    const throughput = metrics?.throughputOf(row.id);
    const numbers: PipelineNumbers = {
      batchesFailed: recorded(metrics, 'batchesFailed', row.totals.batchesFailed),
      retries: recorded(metrics, 'retries', row.totals.retries),
      timeouts: recorded(metrics, 'timeouts', row.totals.timeouts),
      deadLettered: recorded(metrics, 'deadLettered', row.totals.deadLettered),
      throughputPerSecond: throughput === undefined ? null : round(throughput),
      p95Ms: row.p95Ms,
    };
    const isSame =
      row.state === view.state &&
      row.unavailable === view.unavailable &&
      row.activity === activity &&
      row.activityChanges === (activity?.changes ?? -1) &&
      isEqual(row.numbers, numbers);
    if (isSame && !isSampled) return;
    const given = view.state.status === 'empty' ? '' : view.state.description;
    if (row.description.given !== given) row.description = { given, shown: redactText(given) };
    row.state = view.state;
    row.unavailable = view.unavailable;
    row.shown = shownState(view);
    row.activity = activity;
    row.activityChanges = activity?.changes ?? -1;
    row.numbers = numbers;
    row.summary = summaryOf(view, activity, numbers, row.description.shown);
    row.text = `${JSON.stringify(row.summary).slice(0, -1)},"history":${row.spark}}`;
    this.#version += 1;
    row.version = this.#version;
  }

  /** True where the sparkline is another. */
  #updateFromHistory(row: Row): boolean {
    if (row.sampleCount === this.#history.count) return false;
    row.sampleCount = this.#history.count;
    const before = row.spark;
    row.spark = JSON.stringify(this.#history.spark(row.id));
    const p95Ms = this.#history.latest(row.id, 'p95Ms');
    row.p95Ms = p95Ms === undefined ? null : round(p95Ms);
    return row.spark !== before;
  }
}

function isEqual(a: PipelineNumbers | undefined, b: PipelineNumbers): boolean {
  return (
    a !== undefined &&
    a.throughputPerSecond === b.throughputPerSecond &&
    a.p95Ms === b.p95Ms &&
    a.batchesFailed === b.batchesFailed &&
    a.retries === b.retries &&
    a.timeouts === b.timeouts &&
    a.deadLettered === b.deadLettered
  );
}

function newRow(id: string): Row {
  return {
    id,
    state: undefined,
    unavailable: undefined,
    shown: 'failed',
    activity: undefined,
    activityChanges: -1,
    numbers: undefined,
    totals: noTotals(),
    description: { given: '', shown: '' },
    summary: undefined,
    text: '',
    sampleCount: -1,
    spark: '[]',
    p95Ms: null,
    version: 0,
    look: 0,
  };
}
