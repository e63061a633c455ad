import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import { generateSloFiles, type SloPipeline } from '../../src/index.ts';
import { INSTRUMENTS } from '../../src/metrics/names.ts';
import { series } from '../support/promql.ts';

const WORD = [...'abcXYZ019-_'];
const id = fc.string({ unit: fc.constantFrom(...WORD), minLength: 1, maxLength: 100 });
const target = fc.double({ min: 0, max: 1, minExcluded: true, maxExcluded: true, noNaN: true });
const slo = fc
  .record(
    {
      success: fc.record({ target }),
      latency: fc.record({
        target,
        underMs: fc.constantFrom(...INSTRUMENTS.batchDuration.buckets).map((seconds) => seconds * 1000),
      }),
      freshness: fc.record({ target, withinMs: fc.integer({ min: 60_000, max: 604_800_000 }) }),
      window: fc.integer({ min: 7, max: 366 }).map((days) => `${days}d`),
    },
    { requiredKeys: [] },
  )
  .filter(({ success, latency, freshness }) => (success ?? latency ?? freshness) !== undefined);
const pipelines: fc.Arbitrary<readonly SloPipeline[]> = fc.uniqueArray(fc.record({ id, slo }), {
  minLength: 1,
  maxLength: 3,
  selector: (pipeline) => pipeline.id,
});
const job = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.trim() !== '');

test('whatever is promised, the files parse, and every expression is PromQL without a number that is none', () => {
  fc.assert(
    fc.property(pipelines, job, (promised, jobName) => {
      for (const { path, content } of generateSloFiles(promised, { job: jobName })) {
        if (path.startsWith('dashboards/')) {
          expect(JSON.parse(content).uid).toBe('dataflow-slo');
        } else if (path.startsWith('rules/')) {
          const names = new Set<string>();
          for (const rule of parse(content).groups[0].rules) {
            expect(() => series(rule.expr)).not.toThrow();
            expect(rule.expr).not.toMatch(/NaN|Infinity|undefined/);
            const name = JSON.stringify([rule.record, rule.alert, rule.labels]);
            expect(names.has(name)).toBe(false);
            names.add(name);
          }
        } else {
          const { tests } = parse(content);
          expect(tests.length).toBeGreaterThan(1);
          for (const { input_series, promql_expr_test } of tests) {
            for (const input of input_series) expect(series(input.series)[0]!.labels).toContain('pipeline_id');
            for (const { expr } of promql_expr_test) expect(() => series(expr)).not.toThrow();
          }
        }
      }
    }),
    { numRuns: 30 },
  );
});
