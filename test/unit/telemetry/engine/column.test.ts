import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Column, Columns } from '../../../../src/telemetry/engine/column.ts';

/** More columns of one number than lie side by side, and wider ones between them. */
const WIDTHS = [1, 1, 3, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
const column = fc.nat({ max: WIDTHS.length - 1 });
/** Of several pages, and often the same ones. */
const row = fc.oneof(fc.nat({ max: 5 }), fc.constantFrom(127, 128, 255, 256, 500));

const cellsOf = (columns: readonly Column[], index: number, at: number): number[] | undefined => {
  const own = columns[index]!;
  if (!own.has(at)) return undefined;
  const from = own.offset(at);
  return [...own.page(at)!.subarray(from, from + own.width)];
};

function columnsOf(widths: readonly number[]): Column[] {
  const columns = new Columns();
  return widths.map((width) => columns.column(width));
}

test('each column holds its own numbers, whatever happens to those beside it', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), column, row, value: fc.integer() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('clear' as const), column, row }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), column }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const columns = columnsOf(WIDTHS);
      const model = WIDTHS.map(() => new Map<number, number[]>());
      for (const action of steps) {
        const own = columns[action.column]!;
        const expected = model[action.column]!;
        if (action.do === 'add') {
          const page = own.open(action.row);
          const from = own.offset(action.row) + own.width - 1;
          page[from] = page[from]! + action.value;
          const cells = expected.get(action.row) ?? new Array<number>(own.width).fill(0);
          cells[own.width - 1] = cells[own.width - 1]! + action.value;
          expected.set(action.row, cells);
        } else if (action.do === 'clear') {
          expect(own.clear(action.row)).toBe(expected.delete(action.row));
        } else {
          const seen: number[] = [];
          own.reset((visited) => seen.push(visited));
          expect(seen.sort((a, b) => a - b)).toEqual([...expected.keys()].sort((a, b) => a - b));
          expected.clear();
        }
      }
      for (const [index, expected] of model.entries()) {
        for (const at of [0, 1, 2, 3, 4, 5, 127, 128, 255, 256, 500]) {
          expect(cellsOf(columns, index, at)).toEqual(expected.get(at));
        }
      }
      // What is cleared to the last row gives its pages back.
      for (const [index, expected] of model.entries()) for (const at of expected.keys()) columns[index]!.clear(at);
      for (const own of columns) own.reset(() => {});
      for (const own of columns) expect(own.pages).toEqual([]);
    }),
  );
});

test('columns of one number lie side by side, eight to a row', () => {
  const columns = columnsOf(new Array<number>(10).fill(1));
  expect(columns.slice(0, 8).map((own) => own.offset(3))).toEqual([24, 25, 26, 27, 28, 29, 30, 31]);
  expect(columns.slice(1, 8).every((own) => own.isBeside(columns[0]!))).toBe(true);
  expect(columns[8]!.isBeside(columns[0]!)).toBe(false);
  expect(columns[8]!.isBeside(columns[9]!)).toBe(true);
});
