import { Worker } from 'node:worker_threads';
import type { Json } from '../../src/domain/json.ts';
import type { SinkSpec } from '../../src/domain/spec.ts';
import type { SinkLease, WriteResult } from '../../src/runtime/connector.ts';

interface Said {
  readonly at?: string;
  readonly done?: WriteResult;
  readonly failed?: { readonly code: string; readonly message: string };
}

export interface OpenInput {
  readonly spec: Pick<SinkSpec, 'connectionString' | 'options'>;
  readonly committed: Json | undefined;
  readonly fresh?: boolean;
  readonly lease?: SinkLease;
  /** As on a file system whose files can share blocks. */
  readonly clones?: boolean;
}

/** An owner of a pipeline with its file sink, which does one call to the file system after another when it is told to. */
export class GatedSink {
  readonly #worker = new Worker(new URL('./gated-sink-child.mjs', import.meta.url), {
    workerData: {
      sink: new URL('../../dist/connectors/sinks/file.js', import.meta.url).href,
      probe: new URL('./gated-sink-child.mjs', import.meta.url).pathname,
    },
  });
  #last: Promise<Said>;

  constructor() {
    this.#last = this.#next();
  }

  /** Starts an operation; gives where it stands: before which call, or at its end. */
  begin(operation: 'open', input: OpenInput): Promise<Said>;
  begin(
    operation: 'write',
    input: { readonly records: readonly unknown[]; readonly committed: Json | undefined },
  ): Promise<Said>;
  begin(operation: 'close'): Promise<Said>;
  async begin(operation: string, input: unknown = {}): Promise<Said> {
    await this.#last;
    return this.#tell({ operation, input });
  }

  /** Does the call that it stands before. */
  go(): Promise<Said> {
    return this.#tell({ go: true });
  }

  /** Aborts what was begun, and does the call that it stands before. */
  abort(): Promise<Said> {
    return this.#tell({ abort: true, go: true });
  }

  /** Goes on until it stands before `call`. */
  async upTo(call: string, said: Said): Promise<Said> {
    let now = said;
    while (now.at !== undefined && now.at !== call) now = await this.go();
    if (now.at === undefined) throw new Error(`It never came to ${call}: ${JSON.stringify(now)}`);
    return now;
  }

  /** Goes on to the end of the operation. */
  async finish(said: Said): Promise<Said> {
    let now = said;
    while (now.at !== undefined) now = await this.go();
    return now;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #tell(message: unknown): Promise<Said> {
    this.#last = this.#next();
    this.#worker.postMessage(message);
    return this.#last;
  }

  #next(): Promise<Said> {
    return new Promise((resolve, reject) => {
      const said = (message: Said): void => {
        this.#worker.off('error', reject);
        resolve(message);
      };
      this.#worker.once('message', said);
      this.#worker.once('error', reject);
    });
  }
}
