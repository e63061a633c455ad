/**
 * Owns: the conversation with the worker thread, and the thread's life.
 *
 * R1 Every request settles: with the worker's answer, or with a coded error once the worker is gone.
 * R2 The worker keeps the process alive exactly while a request is unanswered.
 */
import { Worker } from 'node:worker_threads';
import { DataflowError, type ErrorCode, messageOf } from '../../errors.ts';
import { fromErrorData, type Replies, type Reply, type Request } from './protocol.ts';

interface Waiting {
  readonly type: Request['type'];
  resolve(value: never): void;
  reject(error: DataflowError): void;
}

const FAILURE: Record<Request['type'], ErrorCode> = {
  open: 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED',
  write: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
  read: 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  highest: 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  keys: 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  readAll: 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  offset: 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  snapshot: 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  inspect: 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  copy: 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  compact: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
  close: 'DATAFLOW_ERR_JOURNAL_CLOSED',
};

export class WorkerLink {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  /** Why the worker is gone. */
  #end: string | undefined;
  #cause: unknown;

  constructor(script: URL, onEnd: () => void) {
    // An empty execArgv keeps loaders and test flags of the host out of the worker.
    // What the worker allocates is short-lived: a small young generation costs it nothing and the process 20 MB less.
    const resourceLimits = { maxYoungGenerationSizeMb: 4 };
    this.#worker = new Worker(script, { name: 'dataflow-journal', execArgv: [], resourceLimits });
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => {
      this.#cause = error;
    });
    this.#worker.on('exit', (code) => {
      const why = this.#cause === undefined ? `with code ${code}` : `with "${messageOf(this.#cause)}"`;
      this.#end = `The worker thread of the journal ended ${why}`;
      onEnd();
      for (const { type, reject } of this.#waiting.values()) reject(this.#failure(FAILURE[type]));
      this.#waiting.clear();
    });
  }

  request<T extends Request['type']>(request: Extract<Request, { type: T }>): Promise<Replies[T]> {
    if (this.#end !== undefined) return Promise.reject(this.#failure('DATAFLOW_ERR_JOURNAL_CLOSED'));
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(id, { type: request.type, resolve, reject });
      this.#worker.postMessage({ id, request });
    });
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (reply.ok) waiting.resolve(reply.value as never);
    else waiting.reject(fromErrorData(reply.error));
  }

  #failure(code: ErrorCode): DataflowError {
    return new DataflowError(code, `${this.#end}; open the journal again`, { cause: this.#cause });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}
