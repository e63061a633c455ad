export const DEFAULT_ERROR_CODES = 100;
const MAX_LENGTH = 64;
const OTHER = 'OTHER';

export interface ErrorCodesOptions {
  /** Different codes kept; every further one becomes `OTHER`. */
  readonly limit: number;
  /** Called for each measurement that became `OTHER`, with true the first time. */
  readonly onOverflow: (first: boolean) => void;
}

/**
 * Keeps the `error_code` attribute bounded: upper case, at most 64 characters, a limited number of different codes.
 * Codes come from connectors and users, and one id inside a code would make a series for every error.
 */
export class ErrorCodes {
  readonly #known = new Set<string>();
  readonly #options: ErrorCodesOptions;
  #overflowed = false;

  constructor(options: ErrorCodesOptions) {
    this.#options = options;
  }

  label(code: unknown): string {
    const text = typeof code === 'string' ? cut(code.trim().toUpperCase()) : '';
    const label = text === '' ? 'UNKNOWN' : text;
    if (label === OTHER || this.#known.has(label)) return label;
    if (this.#known.size < this.#options.limit) {
      this.#known.add(label);
      return label;
    }
    this.#options.onOverflow(!this.#overflowed);
    this.#overflowed = true;
    return OTHER;
  }
}

/** Not through a character of two UTF-16 units: a half has no form in UTF-8. */
function cut(text: string): string {
  return text.slice(0, MAX_LENGTH).replace(/\p{Surrogate}$/u, '');
}
