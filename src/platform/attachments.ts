/**
 * What the journal does not hold of a pipeline: code, and literal secrets. Owns them for as long as the process lives.
 *
 * R1. A pipeline that needs an attachment waits for it when it runs: recovery knows nothing of code, so a pipeline
 *     found running goes on as soon as somebody spawns it again with the same specification.
 * R2. What is stored or shown of a specification has its secrets replaced; only this place knows them.
 */
import { HIDDEN } from '../domain/secrets.ts';
import type { PipelineConfig } from '../domain/spec.ts';
import { DataflowError } from '../errors.ts';
import { CODE_TYPE, type CodeParts } from './code-parts.ts';

export interface Attachment {
  /** With its literal secrets. */
  readonly config: PipelineConfig;
  readonly code: CodeParts;
}

const NO_CODE: CodeParts = { transforms: [] };

export class Attachments {
  readonly #attached = new Map<string, Attachment>();
  readonly #waiting = new Map<string, Set<(attachment: Attachment) => void>>();

  attach(pipelineId: string, attachment: Attachment): void {
    this.#attached.set(pipelineId, attachment);
    for (const resume of this.#waiting.get(pipelineId) ?? []) resume(attachment);
    this.#waiting.delete(pipelineId);
  }

  detach(pipelineId: string): void {
    this.#attached.delete(pipelineId);
  }

  /** True when the pipeline cannot run before somebody attaches what the journal does not hold. */
  isDetached(pipelineId: string, config: PipelineConfig): boolean {
    return needsAttachment(config) && !this.#attached.has(pipelineId);
  }

  /** What the pipeline of this journaled configuration runs with; waits for it where it must. */
  async get(pipelineId: string, config: PipelineConfig, signal: AbortSignal): Promise<Attachment> {
    const attached = this.#attached.get(pipelineId);
    if (attached !== undefined) return attached;
    if (!needsAttachment(config)) return { config, code: NO_CODE };
    return this.#wait(pipelineId, signal);
  }

  #wait(pipelineId: string, signal: AbortSignal): Promise<Attachment> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(pipelineId) ?? new Set();
      this.#waiting.set(pipelineId, waiting);
      const onAbort = (): void => {
        waiting.delete(resume);
        reject(detached(pipelineId));
      };
      const resume = (attachment: Attachment): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(attachment);
      };
      if (signal.aborted) return onAbort();
      waiting.add(resume);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function detached(pipelineId: string): DataflowError {
  const message = `pipeline ${pipelineId} uses code or secrets that the journal does not hold: call spawnPipeline with the same specification to attach them`;
  return new DataflowError('DATAFLOW_ERR_PIPELINE_DETACHED', message, { details: { pipelineId } });
}

function needsAttachment(config: PipelineConfig): boolean {
  const { source, transforms, sink, deadLetter } = config;
  const parts = [source, sink, ...transforms, ...(deadLetter === undefined ? [] : [deadLetter])];
  return parts.some(({ type }) => type === CODE_TYPE) || JSON.stringify(parts).includes(HIDDEN);
}
