import { describe, expect, test } from '@jest/globals';
import { ThroughputWindow } from '../../../src/metrics/throughput-window.ts';

describe('ThroughputWindow', () => {
  test('a steady flow shows its rate', () => {
    const window = new ThroughputWindow(10_000);
    window.start(0);
    for (let at = 100; at <= 60_000; at += 100) window.add(50, at);
    expect(Math.abs(window.rate(60_000) - 500)).toBeLessThan(500 * 0.02);
  });

  test('a young flow is averaged over its own age, at least a second', () => {
    const window = new ThroughputWindow(10_000);
    window.start(5_000);
    window.add(100, 5_010);
    expect(window.rate(5_020)).toBe(100);
    window.add(100, 7_000);
    expect(window.rate(7_000)).toBe(100);
  });

  test('it falls to 0 once the window has passed', () => {
    const window = new ThroughputWindow(10_000);
    window.add(1_000, 500);
    expect(window.rate(9_000)).toBeGreaterThan(0);
    expect(window.rate(11_000)).toBe(0);
    expect(window.rate(1e9)).toBe(0);
  });

  test('starting again forgets what was before', () => {
    const window = new ThroughputWindow(10_000);
    window.add(1_000, 0);
    window.start(1_000);
    expect(window.rate(1_500)).toBe(0);
  });

  test('a clock that stands still or goes back gives a finite rate', () => {
    const window = new ThroughputWindow(10_000);
    window.add(10, 20_000);
    window.add(10, 3_000);
    for (const at of [0, 3_000, 20_000]) {
      expect(Number.isFinite(window.rate(at))).toBe(true);
      expect(window.rate(at)).toBeGreaterThanOrEqual(0);
    }
  });
});
