import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ProgressDisplay, type ProgressLine } from '../../../src/cli/progress.ts';
import { oneLine, renderTable } from '../../../src/cli/terminal.ts';

const LINE: ProgressLine = {
  id: 'one',
  status: 'running',
  records: 1500,
  failed: 0,
  retries: 0,
  perSecond: 10,
  share: 0.5,
  note: '',
};

function display(isInteractive: boolean) {
  let lines: ProgressLine[] = [LINE];
  const written: string[] = [];
  const terminal = { out: () => {}, err: () => {}, isInteractive, columns: 40 };
  const shown = new ProgressDisplay(
    terminal,
    (text) => written.push(text),
    () => lines,
  );
  return {
    shown,
    written,
    set: (...next: Partial<ProgressLine>[]) => {
      lines = next.map((part) => ({ ...LINE, ...part }));
    },
  };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('elsewhere than on a terminal', () => {
  test('a change of state is told at once, progress now and then, and nothing twice', () => {
    const { shown, written, set } = display(false);
    expect(written).toEqual([]);
    shown.changed();
    shown.changed();
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^one {2}running .* 50 % {2}1,500 records · 10\/s\n$/);
    jest.advanceTimersByTime(10_000);
    expect(written).toHaveLength(1);
    set({ records: 2000 });
    jest.advanceTimersByTime(2_000);
    expect(written).toHaveLength(2);
    set({ status: 'failed', note: 'CODE' });
    shown.changed();
    shown.end();
    jest.advanceTimersByTime(10_000);
    expect(written).toHaveLength(3);
    expect(written[2]).toMatch(/failed .*CODE\n$/);
  });
});

describe('on a terminal', () => {
  test('every line is redrawn in place and cut to the width', () => {
    const { shown, written, set } = display(true);
    set({}, { id: 'another', note: 'x'.repeat(100) });
    jest.advanceTimersByTime(100);
    expect(written[1]!.startsWith('\u001b[1A\u001b[2K')).toBe(true);
    jest.advanceTimersByTime(100);
    expect(written[2]!.startsWith('\u001b[2A\u001b[2K')).toBe(true);
    for (const line of written[2]!.trimEnd().split('\n')) expect(line.length).toBeLessThan(40 + 8);
    shown.end();
    const count = written.length;
    jest.advanceTimersByTime(1_000);
    expect(written).toHaveLength(count);
  });
});

test('a text of somebody else cannot break a line or command the terminal', () => {
  expect(oneLine('a\nb\u001b[2Jc\r\u2028d\u0000')).toBe('a b [2Jc d');
});

test('a table is as wide as its cells', () => {
  const columns = [
    { title: 'id', value: (row: [string, number]) => row[0] },
    { title: 'n', align: 'right' as const, value: (row: [string, number]) => String(row[1]) },
  ];
  expect(
    renderTable(columns, [
      ['long', 5],
      ['x', 100],
    ]),
  ).toBe('id      n\n────  ───\nlong    5\nx     100\n');
  expect(renderTable(columns, [])).toBe('id  n\n──  ─\n');
});
