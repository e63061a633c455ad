export const PAGE_SHIFT = 7;
export const PAGE_MASK = (1 << PAGE_SHIFT) - 1;

/** Most numbers a row of a block that columns of one number share: as many as a line of the cache holds. */
const MOST_SHARED = 8;

/** Pages of 128 rows; a page whose cells are all absent is given back. */
class Block {
  /** Numbers from a row to the next. */
  stride: number;
  readonly pages: (Float64Array | undefined)[] = [];
  /** By page: how many cells are present, of all columns. */
  readonly #present: number[] = [];
  /** One page is kept: a single pipeline that comes and goes must not allocate a page each time. */
  #spare: Float64Array | undefined;

  constructor(stride: number) {
    this.stride = stride;
  }

  /** Makes room for as many columns again. */
  widen(): void {
    const before = this.stride;
    this.stride *= 2;
    this.#spare = undefined;
    for (const [index, page] of this.pages.entries()) {
      if (page === undefined) continue;
      const wider = this.#emptyPage();
      for (let slot = 0; slot <= PAGE_MASK; slot++) {
        wider.set(page.subarray(slot * before, (slot + 1) * before), slot * this.stride);
      }
      this.pages[index] = wider;
    }
  }

  isUnused(index: number): boolean {
    return this.#present[index] === 0;
  }

  add(index: number): Float64Array {
    const page = this.pages[index] ?? this.#addPage(index);
    this.#present[index] = this.#present[index]! + 1;
    return page;
  }

  /** Returns how many are left on the page. */
  subtract(index: number, count: number): number {
    const left = this.#present[index]! - count;
    this.#present[index] = left;
    return left;
  }

  drop(index: number, isSpare: boolean): void {
    if (isSpare) this.#spare = this.pages[index];
    this.pages[index] = undefined;
    while (this.pages.length > 0 && this.pages.at(-1) === undefined) this.pages.pop();
    this.#present.length = this.pages.length;
  }

  #addPage(index: number): Float64Array {
    const page = this.#spare ?? this.#emptyPage();
    this.#spare = undefined;
    while (this.pages.length < index) {
      this.pages.push(undefined);
      this.#present.push(0);
    }
    this.pages[index] = page;
    this.#present[index] = 0;
    return page;
  }

  #emptyPage(): Float64Array {
    return new Float64Array(this.stride << PAGE_SHIFT).fill(Number.NaN);
  }
}

/**
 * Cells of `width` numbers a row in pages of 128 rows, so that a row costs its numbers and little else, and pages
 * whose rows have all gone are given back. A row is absent while its first cell is NaN.
 */
export class Column {
  readonly width: number;
  readonly pages: readonly (Float64Array | undefined)[];
  /** Numbers from the begin of a page to the first row's first cell. */
  readonly base: number;
  readonly #block: Block;

  constructor(width: number, block = new Block(width), base = 0) {
    this.width = width;
    this.#block = block;
    this.pages = block.pages;
    this.base = base;
  }

  /** Numbers from a row's first cell to that of the next one; grows when columns come to lie beside it. */
  get stride(): number {
    return this.#block.stride;
  }

  /** Whether both have the same pages. */
  isBeside(other: Column): boolean {
    return this.#block === other.#block;
  }

  page(row: number): Float64Array | undefined {
    return this.pages[row >>> PAGE_SHIFT];
  }

  offset(row: number): number {
    return (row & PAGE_MASK) * this.stride + this.base;
  }

  has(row: number): boolean {
    const value = this.page(row)?.[this.offset(row)];
    return value !== undefined && !Number.isNaN(value);
  }

  /** Makes the row present with zeros, or leaves it as it is, and returns its page. */
  open(row: number): Float64Array {
    const at = this.offset(row);
    const known = this.page(row);
    if (known !== undefined && !Number.isNaN(known[at])) return known;
    const page = this.#block.add(row >>> PAGE_SHIFT);
    page.fill(0, at, at + this.width);
    return page;
  }

  /** False where the row was absent. */
  clear(row: number): boolean {
    if (!this.has(row)) return false;
    const index = row >>> PAGE_SHIFT;
    this.pages[index]![this.offset(row)] = Number.NaN;
    if (this.#block.subtract(index, 1) === 0) this.#block.drop(index, true);
    return true;
  }

  /** Makes every row absent after `visit` has seen it. Pages that were not used since the last reset are given back. */
  reset(visit: (row: number) => void): void {
    for (let index = this.pages.length - 1; index >= 0; index--) {
      const page = this.pages[index];
      if (page === undefined) continue;
      if (this.#block.isUnused(index)) {
        this.#block.drop(index, false);
        continue;
      }
      let count = 0;
      for (let slot = 0; slot <= PAGE_MASK; slot++) {
        const at = slot * this.stride + this.base;
        if (Number.isNaN(page[at])) continue;
        visit((index << PAGE_SHIFT) + slot);
        page[at] = Number.NaN;
        count += 1;
      }
      this.#block.subtract(index, count);
    }
  }
}

/**
 * Gives out columns over the same rows. Those of one number lie side by side: an event records to many instruments of
 * one series, and finds them in one line of the cache and not in one each.
 */
export class Columns {
  #block: Block | undefined;
  #taken = 0;

  /** Pages and offsets of columns of one number are others after it. */
  column(width: number): Column {
    if (width > 1) return new Column(width);
    if (this.#block === undefined || this.#taken === MOST_SHARED) {
      this.#block = new Block(1);
      this.#taken = 0;
    }
    if (this.#taken === this.#block.stride) this.#block.widen();
    return new Column(1, this.#block, this.#taken++);
  }
}
