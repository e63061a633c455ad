export const PAGE_SHIFT = 7;
export const PAGE_MASK = (1 << PAGE_SHIFT) - 1;

/**
 * Cells of `width` numbers a row in pages of 128 rows, so that a row costs its numbers and little else, and pages
 * whose rows have all gone are given back. A row is absent while its first cell is NaN.
 */
export class Column {
  readonly width: number;
  readonly pages: (Float64Array | undefined)[] = [];
  readonly #present: number[] = [];
  /** One page is kept: a single pipeline that comes and goes must not allocate a page each time. */
  #spare: Float64Array | undefined;

  constructor(width: number) {
    this.width = width;
  }

  page(row: number): Float64Array | undefined {
    return this.pages[row >>> PAGE_SHIFT];
  }

  offset(row: number): number {
    return (row & PAGE_MASK) * this.width;
  }

  has(row: number): boolean {
    const value = this.page(row)?.[this.offset(row)];
    return value !== undefined && !Number.isNaN(value);
  }

  /** Makes the row present with zeros, or leaves it as it is, and returns its page. */
  open(row: number): Float64Array {
    const index = row >>> PAGE_SHIFT;
    const page = this.pages[index] ?? this.#addPage(index);
    const at = this.offset(row);
    if (Number.isNaN(page[at])) {
      page.fill(0, at, at + this.width);
      this.#present[index] = (this.#present[index] ?? 0) + 1;
    }
    return page;
  }

  /** False where the row was absent. */
  clear(row: number): boolean {
    if (!this.has(row)) return false;
    const index = row >>> PAGE_SHIFT;
    const page = this.pages[index]!;
    page[this.offset(row)] = Number.NaN;
    const left = this.#present[index]! - 1;
    this.#present[index] = left;
    if (left === 0) {
      this.#spare = page;
      this.#dropPage(index);
    }
    return true;
  }

  /** Makes every row absent after `visit` has seen it. Pages that were not used since the last reset are given back. */
  reset(visit: (row: number) => void): void {
    for (let index = this.pages.length - 1; index >= 0; index--) {
      const page = this.pages[index];
      if (page === undefined) continue;
      if (this.#present[index] === 0) {
        this.#dropPage(index);
        continue;
      }
      for (let slot = 0; slot <= PAGE_MASK; slot++) {
        if (!Number.isNaN(page[slot * this.width])) visit((index << PAGE_SHIFT) + slot);
      }
      page.fill(Number.NaN);
      this.#present[index] = 0;
    }
  }

  #dropPage(index: number): void {
    this.pages[index] = undefined;
    while (this.pages.length > 0 && this.pages.at(-1) === undefined) this.pages.pop();
    this.#present.length = this.pages.length;
  }

  #addPage(index: number): Float64Array {
    const page = this.#spare ?? new Float64Array(this.width << PAGE_SHIFT).fill(Number.NaN);
    this.#spare = undefined;
    while (this.pages.length < index) {
      this.pages.push(undefined);
      this.#present.push(0);
    }
    this.pages[index] = page;
    this.#present[index] = 0;
    return page;
  }
}
