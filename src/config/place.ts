import { describeGot, isMapping, joinPath, own, ProblemCollector } from '../domain/problem-collector.ts';

const UNSHOWN = 'something else (hidden)';

export interface PlaceOptions {
  readonly path: string;
  /** What stands here, as it was written: a reference to a variable is shown, not what it holds. */
  readonly given: unknown;
  /** No value is shown. */
  readonly isSecret: boolean;
}

/** Where a value stands in the settings, and where it is said what is wrong there. */
export class Place {
  readonly #check: ProblemCollector;
  readonly #options: PlaceOptions;
  /** Under which the value stands in what holds it. */
  readonly name: string;

  constructor(check: ProblemCollector, options: PlaceOptions, name = '') {
    this.#check = check;
    this.#options = options;
    this.name = name;
  }

  /** For a value that is known to be good. */
  static unsaid(): Place {
    return new Place(new ProblemCollector(), { path: '', given: undefined, isSecret: true });
  }

  below(key: string | number): Place {
    const { path, given } = this.#options;
    const part = Array.isArray(given) ? given[Number(key)] : isMapping(given) ? own(given, String(key)) : undefined;
    return new Place(this.#check, { ...this.#options, path: joinPath(path, key), given: part }, String(key));
  }

  refuse(expected: string): void {
    const { path, given, isSecret } = this.#options;
    if (isSecret) this.#check.problems.push({ path, expected, got: UNSHOWN });
    else this.#check.refuse(path, expected, given);
  }

  /** The name under which the value stands is wrong itself. */
  refuseName(expected: string): void {
    const got = this.name === '' ? 'an empty name' : `the name ${describeGot(this.name)}`;
    this.#check.problems.push({ path: this.#options.path, expected, got });
  }
}
