import * as units from '@grafana/grafana-foundation-sdk/units';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { generateSloFiles } from '../../../src/index.ts';
import { type DashboardJson, panelsOf, withValues } from '../../support/dashboards.ts';
import { matchingLabels, seriesUsages } from '../../support/promql.ts';

const slo = { success: { target: 0.999 }, freshness: { target: 0.9, withinMs: 60_000 } };
const files = new Map(generateSloFiles([{ id: 'orders', slo }]).map(({ path, content }) => [path, content]));
const board: DashboardJson = JSON.parse(files.get('dashboards/dataflow-slo.json')!);
const panels = panelsOf(board);
const records: ReadonlySet<string> = new Set(
  parse(files.get('rules/orders.yaml')!).groups[0].rules.map(({ record }: { record: string }) => record),
);
const LABELS = ['job', 'pipeline_id', 'slo'];

test('every panel has a title of its own, a description, a unit, a data source and queries', () => {
  const known: ReadonlySet<unknown> = new Set(Object.values(units));
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  for (const { title, type, description, fieldConfig, datasource, targets = [] } of panels) {
    expect(['stat', 'timeseries']).toContain(type);
    expect([title, description]).toEqual([title, expect.stringMatching(/^[A-Z].*\.$/)]);
    expect([title, known.has(fieldConfig?.defaults.unit)]).toEqual([title, true]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana.
    expect([title, datasource]).toEqual([title, { type: 'prometheus', uid: '${datasource}' }]);
    expect([title, targets.length > 0, new Set(targets.map(({ refId }) => refId)).size]).toEqual([
      title,
      true,
      targets.length,
    ]);
  }
});

test('every query names what the rules record, of the pipelines that are chosen', () => {
  const queries = panels.flatMap(({ targets = [] }) => targets);
  expect(queries.length).toBeGreaterThan(5);
  for (const { expr, legendFormat = '' } of queries) {
    const usages = seriesUsages(withValues(expr));
    expect(usages.filter(({ name }) => !records.has(name))).toEqual([]);
    for (const { labels, grouping } of usages) {
      expect([...labels].sort()).toEqual(['job', 'pipeline_id']);
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(grouping).toContain(label);
    }
    expect(matchingLabels(withValues(expr)).filter((label) => !LABELS.includes(label))).toEqual([]);
  }
});

test('a row repeats for each pipeline, and its panels fill a line', () => {
  const [row] = board.panels as readonly { readonly type: string; readonly repeat?: string }[];
  expect(row).toMatchObject({ type: 'row', repeat: 'pipeline_id' });
  expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  expect(new Set(panels.map(({ gridPos }) => gridPos.y)).size).toBe(1);
  let x = 0;
  for (const { gridPos } of panels) {
    expect(gridPos.x).toBe(x);
    x += gridPos.w;
  }
  expect(x).toBe(24);
});

test('the variables choose data source, job and pipelines; the other dashboards are linked', () => {
  expect(board.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'pipeline_id']);
  expect(board.uid).toBe('dataflow-slo');
  expect(board.tags).toContain('dataflow');
  expect(board.links).toEqual([expect.objectContaining({ tags: ['dataflow'], includeVars: true })]);
});
