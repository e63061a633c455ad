import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as units from '@grafana/grafana-foundation-sdk/units';
import { describe, expect, test } from '@jest/globals';
import { dashboardFiles } from '../../../dashboards/index.ts';
import { ROOT } from '../../support/command-line.ts';
import { dashboards, type PanelJson, panelsOf } from '../../support/dashboards.ts';

const FOLDER = join(ROOT, 'config/grafana/dashboards');
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana.
const DATASOURCE = '${datasource}';
const UNITS: ReadonlySet<unknown> = new Set(Object.values(units));
const boards = dashboards.map((board) => [board.title, board] as const);

test('the files of the repository are what the code generates', () => {
  const generated = dashboardFiles();
  expect(readdirSync(FOLDER).sort()).toEqual([...generated.keys()].sort());
  for (const [name, content] of generated) {
    // Compared as a boolean: the difference of two such files is not what one wants to read.
    const same = readFileSync(join(FOLDER, name), 'utf8') === content;
    expect([name, same, 'npm run dashboards']).toEqual([name, true, 'npm run dashboards']);
  }
});

test('the uids, which bookmarks hold, are these', () => {
  expect(dashboards.map(({ uid }) => uid)).toEqual([
    'dataflow-pipeline-overview',
    'dataflow-throughput',
    'dataflow-errors-and-retries',
    'dataflow-system-health',
    'dataflow-pipeline-detail',
    'dataflow-cluster',
  ]);
});

describe.each(boards)('%s', (_title, board) => {
  const panels = panelsOf(board);

  test('every panel has a title of its own, a description, a unit, a data source and queries', () => {
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    for (const { title, description, fieldConfig, datasource, targets, type } of panels) {
      expect([title, type]).toEqual([expect.stringMatching(/^[A-Z]/), expect.not.stringMatching(/^graph$/)]);
      expect([title, description]).toEqual([title, expect.stringMatching(/^[A-Z0-9].*\.$/)]);
      expect([title, UNITS.has(fieldConfig?.defaults.unit)]).toEqual([title, true]);
      expect([title, datasource]).toEqual([title, { type: 'prometheus', uid: DATASOURCE }]);
      expect([title, (targets ?? []).length > 0]).toEqual([title, true]);
    }
  });

  test('every column of a table has a unit that Grafana knows', () => {
    const properties = panels
      .flatMap(({ fieldConfig }) => fieldConfig?.overrides ?? [])
      .flatMap((override) => override.properties);
    const named = properties.filter(({ id }) => id === 'unit').map(({ value }) => value);
    expect(named.filter((unit) => !UNITS.has(unit))).toEqual([]);
  });

  test('panels and queries are numbered without repetition', () => {
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
    for (const { title, targets = [] } of panels) {
      expect([title, new Set(targets.map(({ refId }) => refId)).size]).toEqual([title, targets.length]);
    }
  });

  test('no two panels overlap, and each line of the grid is full', () => {
    const cells = new Map<string, number>();
    for (const { id, gridPos } of board.panels) {
      for (const cell of cellsOf(gridPos)) {
        expect([cell, cells.get(cell) ?? id]).toEqual([cell, id]);
        cells.set(cell, id);
      }
    }
    const bottom = Math.max(...board.panels.map(({ gridPos: { y, h } }) => y + h));
    expect(cells.size).toBe(24 * bottom);
  });

  test('the variables choose data source, job, instances and pipelines, and each has an effect', () => {
    expect(board.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance', 'pipeline_id']);
    const queries = JSON.stringify(board.panels);
    for (const name of [DATASOURCE, '$job', '$instance', '$pipeline_id']) expect(queries).toContain(name);
  });

  test('alerts and failures are marked', () => {
    expect(board.annotations.list.map(({ name }) => name)).toEqual(['Alerts', 'Failed pipelines']);
  });

  test('it leads to all the others, and keeps what was chosen', () => {
    expect(board.links).toEqual([
      expect.objectContaining({ type: 'dashboards', tags: ['dataflow'], includeVars: true }),
    ]);
    expect(board.tags).toContain('dataflow');
  });

  test('its links lead to dashboards that there are', () => {
    const uids = [...JSON.stringify(board).matchAll(/"\/d\/([^?"]+)/g)].map(([, uid]) => uid);
    expect(uids.length).toBeGreaterThan(0);
    for (const uid of uids) expect(dashboards.map((other) => other.uid)).toContain(uid);
  });

  test('it shows the delay and the utilization of the event loop', () => {
    const queries = JSON.stringify(panels.map(({ targets }) => targets));
    expect(queries).toContain('nodejs_eventloop_delay_p99_seconds');
    expect(queries).toContain('nodejs_eventloop_utilization_ratio');
  });
});

function cellsOf({ x, y, w, h }: PanelJson['gridPos']): string[] {
  expect([x >= 0, x + w <= 24]).toEqual([true, true]);
  return Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`);
}

/** The panels that the reference documentation of the metrics recommends, and where they are. */
test.each([
  ['Pipeline Overview', 'Running pipelines', 'dataflow_pipelines_running'],
  ['Pipeline Overview', 'Failed pipelines', 'dataflow_pipelines_failed'],
  ['Pipeline Overview', 'State transitions', 'dataflow_state_transitions_total'],
  ['Throughput', 'Batches processed', 'dataflow_batches_processed_total'],
  ['Throughput', 'Records processed', 'dataflow_records_processed_total'],
  ['Throughput', 'Current throughput', 'dataflow_records_throughput_per_second'],
  ['Throughput', 'Processing time (p50, p95, p99)', 'dataflow_batch_processing_time_ms_bucket'],
  ['Throughput', 'Average processing time', 'dataflow_batch_processing_time_ms_sum'],
  ['Errors and Retries', 'Batch failures', 'dataflow_batches_failed_total'],
  ['Errors and Retries', 'Record failures', 'dataflow_records_failed_total'],
  ['Errors and Retries', 'Retries by error code', 'dataflow_retries_scheduled_total'],
  ['Errors and Retries', 'Total timeouts', 'dataflow_batches_timeouts_total'],
  ['System Health', 'Heap usage', 'jvm_memory_heap_max_bytes'],
  ['System Health', 'Time in garbage collection', 'jvm_gc_pause_seconds_sum'],
  ['System Health', 'CPU usage', 'process_cpu_usage'],
  ['System Health', 'Threads', 'jvm_threads_total'],
])('%s has %s', (title, panelTitle, series) => {
  const board = dashboards.find((candidate) => candidate.title === `Dataflow / ${title}`);
  const panel = board?.panels.find((candidate) => candidate.title === panelTitle);
  expect(panel?.targets?.map(({ expr }) => expr).join()).toContain(series);
});
