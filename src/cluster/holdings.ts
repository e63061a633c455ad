/** The leases that this process holds. Owns the list; who acquires, renews and lets go is told elsewhere. */
import type { Lease } from './leases.ts';

export interface Holding {
  readonly lease: Lease;
  /** When it was acquired, in ms of the monotonic clock. */
  readonly since: number;
  /** Not handed over for balance before that time: it was taken because no other node wanted it. */
  readonly pinnedUntil: number;
}

export class Holdings {
  readonly #held = new Map<string, Holding>();

  get size(): number {
    return this.#held.size;
  }

  get(key: string): Holding | undefined {
    return this.#held.get(key);
  }

  keys(): readonly string[] {
    return [...this.#held.keys()];
  }

  leases(): readonly Lease[] {
    return [...this.#held.values()].map(({ lease }) => lease);
  }

  entries(): Iterable<readonly [string, Holding]> {
    return this.#held;
  }

  add(holding: Holding): void {
    this.#held.set(holding.lease.key, holding);
  }

  /** False when the key is not held under this lease any more. */
  drop({ key, epoch }: Lease): boolean {
    return this.#held.get(key)?.lease.epoch === epoch && this.#held.delete(key);
  }
}
