import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Column, Columns } from '../../../../src/telemetry/engine/column.ts';

/** More columns of one number than lie side by side, and wider ones between them. */
const WIDTHS = [1, 1, 3, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
const column = fc.nat({ max: WIDTHS.length - 1 });
/** Of several pages, and often the same ones. */
const row = fc.oneof(fc.nat({ max: 5 }), fc.constantFrom(127, 128, 255, 256, 500));

const cellsOf = (own: Column, at: number): number[] | undefined => {
  if (!own.has(at)) return undefined;
  const from = own.offset(at);
  return [...own.page(at)!.subarray(from, from + own.width)];
};

test('each column holds its own numbers, whatever happens to those beside it', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), column, row, value: fc.integer() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('clear' as const), column, row }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), column }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      // Each is made when it is first needed, as instruments come: those beside it make room.
      const made = new Columns();
      const columns = new Map<number, Column>();
      const columnOf = (index: number): Column => {
        const own = columns.get(index) ?? made.column(WIDTHS[index]!);
        columns.set(index, own);
        return own;
      };
      const model = WIDTHS.map(() => new Map<number, number[]>());
      for (const action of steps) {
        const own = columnOf(action.column);
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
          expect(cellsOf(columnOf(index), at)).toEqual(expected.get(at));
        }
      }
      // What is cleared to the last row gives its pages back.
      for (const [index, expected] of model.entries()) for (const at of expected.keys()) columnOf(index).clear(at);
      for (const own of columns.values()) own.reset(() => {});
      for (const own of columns.values()) expect(own.pages).toEqual([]);
    }),
  );
});

test('columns of one number lie side by side, up to eight to a row', () => {
  const columns = new Columns();
  const [first, second] = [columns.column(1), columns.column(1)];
  expect([first.offset(3), second.offset(3)]).toEqual([6, 7]);
  first.open(3)[first.offset(3)] = 5;
  second.open(3)[second.offset(3)] = 7;
  const others = Array.from({ length: 8 }, () => columns.column(1));
  // Room was made for them, and nothing was lost by it.
  expect([first, second, ...others.slice(0, 6)].map((own) => own.offset(3))).toEqual([24, 25, 26, 27, 28, 29, 30, 31]);
  expect([first.page(3)![24], second.page(3)![25]]).toEqual([5, 7]);
  expect(others.slice(0, 6).every((own) => own.isBeside(first) && !own.has(3))).toBe(true);
  expect(others[6]!.isBeside(first)).toBe(false);
  expect(others[7]!.isBeside(others[6]!)).toBe(true);
});
