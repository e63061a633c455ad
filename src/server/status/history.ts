/**
 * Owns the last hour: a ring of 360 samples, one each 10 s, of the whole platform and of each pipeline.
 *
 * R1 Its memory is fixed a pipeline: 7 columns × 360 samples × 4 bytes = 10,080 bytes, and 20 numbers of 8 bytes from
 *    the sample before; 1,000 pipelines hold 10.3 MB. The platform's own 10 columns are 28,800 bytes.
 * R2 The columns of a pipeline that is gone are free with the next sample.
 * R3 NaN is what was not measured; it is shown as null.
 */
export const SAMPLE_INTERVAL_MS = 10_000;
export const SAMPLES = 360;
export const SPARK_POINTS = 60;
const SAMPLES_A_POINT = SAMPLES / SPARK_POINTS;

export const PIPELINE_COLUMNS = [
  'recordsPerSecond',
  'batchesPerSecond',
  'failuresPerSecond',
  'retriesPerSecond',
  'p50Ms',
  'p95Ms',
  'p99Ms',
] as const;

export const OVERVIEW_COLUMNS = [
  'recordsPerSecond',
  'batchesPerSecond',
  'failuresPerSecond',
  'eventLoopDelayP99Seconds',
  'eventLoopUtilization',
  'heapUsedBytes',
  'rssBytes',
  'cpuUsage',
  'gcPauseSecondsPerSecond',
] as const;

export type PipelineSample = Readonly<Record<(typeof PIPELINE_COLUMNS)[number], number>>;
export type OverviewSample = Readonly<Record<(typeof OVERVIEW_COLUMNS)[number], number>>;
type Shown<C extends string> = { readonly intervalSeconds: number; readonly times: number[] } & {
  readonly [K in C]: (number | null)[];
};

export class History {
  readonly #times = new Float64Array(SAMPLES);
  readonly #overview = new Float64Array(SAMPLES * OVERVIEW_COLUMNS.length).fill(Number.NaN);
  readonly #pipelines = new Map<string, Float32Array>();
  #count = 0;

  /** Samples taken since the start. */
  get count(): number {
    return this.#count;
  }

  /** @param time s since the epoch. Pipelines that are not among the samples are forgotten. */
  add(time: number, overview: OverviewSample, pipelines: ReadonlyMap<string, PipelineSample>): void {
    const slot = this.#count % SAMPLES;
    this.#times[slot] = time;
    for (const [column, name] of OVERVIEW_COLUMNS.entries()) this.#overview[column * SAMPLES + slot] = overview[name];
    for (const id of this.#pipelines.keys()) if (!pipelines.has(id)) this.#pipelines.delete(id);
    for (const [id, sample] of pipelines) {
      let cells = this.#pipelines.get(id);
      if (cells === undefined) {
        cells = new Float32Array(SAMPLES * PIPELINE_COLUMNS.length).fill(Number.NaN);
        this.#pipelines.set(id, cells);
      }
      for (const [column, name] of PIPELINE_COLUMNS.entries()) cells[column * SAMPLES + slot] = sample[name];
    }
    this.#count += 1;
  }

  overview(): Shown<(typeof OVERVIEW_COLUMNS)[number]> {
    return this.#shown(this.#overview, OVERVIEW_COLUMNS);
  }

  /** All null for a pipeline that no sample has seen yet. */
  pipeline(id: string): Shown<(typeof PIPELINE_COLUMNS)[number]> {
    return this.#shown(this.#pipelines.get(id), PIPELINE_COLUMNS);
  }

  /** Records per second of each of the last 60 minutes, oldest first; the newest is the minute that has begun. */
  spark(id: string): number[] {
    const points = new Array<number>(SPARK_POINTS).fill(0);
    const cells = this.#pipelines.get(id);
    if (cells === undefined || this.#count === 0) return points;
    const newest = Math.floor((this.#count - 1) / SAMPLES_A_POINT);
    for (let point = 0; point < SPARK_POINTS; point++) {
      const minute = newest - (SPARK_POINTS - 1) + point;
      const from = minute * SAMPLES_A_POINT;
      let sum = 0;
      let known = 0;
      for (let sample = Math.max(from, this.#count - SAMPLES, 0); sample < from + SAMPLES_A_POINT; sample++) {
        const value = sample < this.#count ? cells[sample % SAMPLES]! : Number.NaN;
        if (Number.isNaN(value)) continue;
        sum += value;
        known += 1;
      }
      if (known > 0) points[point] = round(sum / known);
    }
    return points;
  }

  /** The newest value of a column that is not NaN; undefined where there is none. */
  latest(id: string, name: (typeof PIPELINE_COLUMNS)[number]): number | undefined {
    const cells = this.#pipelines.get(id);
    if (cells === undefined) return undefined;
    const at = PIPELINE_COLUMNS.indexOf(name) * SAMPLES;
    for (let sample = this.#count - 1; sample >= Math.max(0, this.#count - SAMPLES); sample--) {
      const value = cells[at + (sample % SAMPLES)]!;
      if (!Number.isNaN(value)) return value;
    }
    return undefined;
  }

  #shown<C extends string>(cells: Float32Array | Float64Array | undefined, columns: readonly C[]): Shown<C> {
    const length = Math.min(this.#count, SAMPLES);
    const first = this.#count - length;
    const read = (source: ArrayLike<number>, at: number): number[] =>
      Array.from({ length }, (_, index) => source[at + ((first + index) % SAMPLES)]!);
    const values = columns.map((name, column) => [
      name,
      cells === undefined
        ? new Array<null>(length).fill(null)
        : read(cells, column * SAMPLES).map((value) => (Number.isNaN(value) ? null : round(value))),
    ]);
    return {
      intervalSeconds: SAMPLE_INTERVAL_MS / 1000,
      times: read(this.#times, 0),
      ...Object.fromEntries(values),
    } as Shown<C>;
  }
}

/** Six digits: more than what was measured says, and a third of the text. */
export function round(value: number): number {
  return Number(value.toPrecision(6));
}
