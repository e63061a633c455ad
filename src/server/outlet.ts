/** The way of an answer's bytes to its client, compressed or as they are. */
import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, createGzip, type Gzip } from 'node:zlib';

/** Turns of the event loop in which the system takes what it has room for, encrypted too. */
const TURNS = 3;

export class Outlet {
  readonly #response: ServerResponse;
  readonly #packer: Gzip | undefined;
  /** Writes that the system has not taken. */
  #left = 0;
  #onTaken: (() => void) | undefined;

  constructor(response: ServerResponse, isPacked: boolean) {
    this.#response = response;
    // A connection that breaks does not call back for all that it holds.
    response.once('close', () => this.#onTaken?.());
    if (!isPacked) return;
    // The text repeats itself so much that the fastest level shrinks it nearly as far as the best one.
    this.#packer = createGzip({ level: constants.Z_BEST_SPEED });
    this.#packer.on('data', (piece: Buffer) => this.#send(piece));
    this.#packer.once('error', () => response.destroy());
  }

  /** The chunk must stay as it is until all is taken. */
  async write(chunk: Buffer): Promise<void> {
    const packer = this.#packer;
    if (packer === undefined) this.#send(chunk);
    else await new Promise<void>((resolve) => packer.write(chunk, () => resolve()));
  }

  /** Whether the system has taken all within a few turns of the event loop. What it has no room for waits for the client. */
  async isSoonTaken(): Promise<boolean> {
    await Promise.race([this.taken(), turns(TURNS)]);
    return this.#left === 0;
  }

  /** When all is out of our hands, or the connection is gone. */
  taken(): Promise<void> {
    if (this.#left === 0 || this.#response.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onTaken = resolve;
    });
  }

  /** Nothing more comes. */
  async end(): Promise<void> {
    const packer = this.#packer;
    if (packer !== undefined) {
      await new Promise<void>((resolve) => packer.once('close', resolve).end());
    }
    this.#response.end();
  }

  /** Frees what an answer that was not ended holds. */
  close(): void {
    this.#packer?.destroy();
  }

  #send(bytes: Buffer): void {
    this.#left += 1;
    this.#response.write(bytes, () => {
      this.#left -= 1;
      if (this.#left === 0) this.#onTaken?.();
    });
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}
