import v8 from 'node:v8';
import vm from 'node:vm';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type CollectionKind, CollectionLog } from '../../../src/telemetry/collection-log.ts';
import { ManualPulse } from '../../support/manual-pulse.ts';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void;

let pulse: ManualPulse;
let log: CollectionLog;
let told: { kind: CollectionKind; seconds: number; promotedBytes: number }[];

/** Leaves garbage for a collection to take, so that the heap becomes smaller by it. */
function litter(): number {
  return Array.from({ length: 50_000 }, (_, index) => ({ index })).length;
}

function minors(): number {
  return told.filter(({ kind }) => kind === 'minor').length;
}

beforeEach(() => {
  told = [];
  litter();
  pulse = new ManualPulse();
  log = new CollectionLog((kind, seconds, promotedBytes) => told.push({ kind, seconds, promotedBytes }), pulse);
});

afterEach(() => {
  log.stop();
  pulse.stop();
});

test('the first beat after a collection tells of it, also of one before the first beat of all', () => {
  collect({ type: 'minor' });
  const unseen = minors();
  pulse.beat();
  expect(minors()).toBeGreaterThan(unseen);
});

test('a beat without a collection before it leaves the profiler running', () => {
  collect({ type: 'minor' });
  pulse.beat();
  const before = told.length;
  pulse.beat();
  expect(told.length).toBe(before);
});

test('who reads gets what no beat has told yet, and nothing twice', () => {
  for (let number = 0; number < 3; number++) collect({ type: 'minor' });
  log.read();
  expect(minors()).toBeGreaterThanOrEqual(3);
  const before = told.length;
  log.read();
  expect(told.length - before).toBeLessThanOrEqual(1);
});

test('what survives two scavenges is told as promoted', () => {
  const kept = Array.from({ length: 20_000 }, (_, index) => ({ index, text: [index] }));
  for (let age = 0; age < 3; age++) collect({ type: 'minor' });
  log.read();
  expect(kept.length).toBe(20_000);
  expect(told.reduce((bytes, { promotedBytes }) => bytes + promotedBytes, 0)).toBeGreaterThan(20_000 * 16);
  for (const { seconds } of told) expect(seconds).toBeGreaterThan(0);
});

test('the end tells the last ones', () => {
  collect({ type: 'minor' });
  const before = minors();
  log.stop();
  expect(minors()).toBeGreaterThan(before);
});
