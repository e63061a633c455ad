/**
 * Owns: the licences to write one output file, where several processes share a pipeline. A licence is an empty file beside
 * the output, named for the epoch of a lease. Whoever takes the pipeline over makes its own and removes the lower ones.
 *
 * Locks would not do: a process that is frozen keeps them, and goes on after any look around when it wakes, even right
 * between the look and the write. So nothing that an older owner may still do by itself reaches the file of a newer one:
 *
 * F1 Claiming is: make the own licence; list the folder; end if there is a higher one; remove what is lower, the lowest
 *    first. Nothing is done to the file before that.
 * F2 Whoever opens the file by its path looks for its licence between that and the first change. Where it is there, the file
 *    was opened before any newer owner touched it; where not, it may be the newer one's, and is left as it is.
 *    Proof: each newer owner that claims after the listing of F1 began finds this licence, and removes it before it touches
 *    the file. So let h be the highest that had claimed before. The listing missed it only because somebody higher, who
 *    claimed after the listing began, removed it; that one removed this licence before, as it is the lower one.
 * F3 A new owner whose predecessor may still be writing moves what is committed into a new inode (`new-inode.ts`), after
 *    removing the licences. By F2 the handles of older owners all lead to an older inode, which nobody sees any more.
 * F4 The one thing that could still reach the path is an older owner's own move. It makes its copy, lists as in F1, and
 *    renames. For the copy holds what F2 says of the licence: a newer owner that the listing does not show removes it
 *    before it touches the file. So the rename came before that, or it fails.
 *
 * All of this is between processes that see one another's names at once: those of one machine, or of a file system that
 * shows them so. Names need not be durable for it: after a power failure nobody is left to be kept out.
 */
import { createHash, randomBytes } from 'node:crypto';
import { open, opendir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, DataflowError } from '../../errors.ts';

/** Bytes of the output's name that the names beside it repeat; with what is added they stay under 255. */
const LONGEST_NAME = 180;

interface Mark {
  readonly name: string;
  readonly kind: string;
  readonly epoch: number;
}

export class FileFence {
  readonly #path: string;
  readonly #pipelineId: string;
  readonly #epoch: number;
  readonly #folder: string;
  readonly #prefix: string;

  private constructor(path: string, pipelineId: string, epoch: number) {
    this.#path = path;
    this.#pipelineId = pipelineId;
    this.#epoch = epoch;
    this.#folder = dirname(path);
    const name = basename(path);
    // The hash makes the names of other outputs and other pipelines others, however their names look.
    const hash = createHash('sha256').update(`${name}\0${pipelineId}`).digest('hex').slice(0, 16);
    this.#prefix = `.${Buffer.byteLength(name) <= LONGEST_NAME ? name : 'dataflow'}.${hash}.`;
  }

  /**
   * Claims the licence of `epoch` for the file at `path`, whose links are resolved.
   *
   * @throws DataflowError DATAFLOW_ERR_SINK_FENCED; the errors of the file system.
   */
  static async claim(path: string, pipelineId: string, epoch: number): Promise<FileFence> {
    const fence = new FileFence(path, pipelineId, epoch);
    await (await open(fence.#licence, 'w')).close();
    const marks = await fence.#listed();
    const older = marks.filter((mark) => mark.epoch < epoch || (mark.epoch === epoch && mark.kind === 'copy'));
    older.sort((a, b) => a.epoch - b.epoch);
    for (const { name } of older) await rm(join(fence.#folder, name), { force: true });
    return fence;
  }

  /** The cheap question, before each write. @throws DataflowError DATAFLOW_ERR_SINK_FENCED */
  async check(): Promise<void> {
    if (!(await exists(this.#licence))) throw this.#fenced(this.#newerOf(await this.#marks()));
  }

  /** A name for a copy that is to take the file's place; claims of newer owners remove it. */
  copyPath(): string {
    return join(this.#folder, `${this.#prefix}copy-${this.#epoch}-${randomBytes(4).toString('hex')}`);
  }

  /** For F4: once the copy is made, before it is renamed. @throws DataflowError DATAFLOW_ERR_SINK_FENCED */
  async checkBeforeMove(): Promise<void> {
    await this.#listed();
  }

  /** What there is, where none of it is newer. */
  async #listed(): Promise<readonly Mark[]> {
    const marks = await this.#marks();
    const newer = this.#newerOf(marks);
    if (newer !== undefined) {
      await rm(this.#licence, { force: true });
      throw this.#fenced(newer);
    }
    return marks;
  }

  get #licence(): string {
    return join(this.#folder, `${this.#prefix}epoch-${this.#epoch}`);
  }

  async #marks(): Promise<readonly Mark[]> {
    const marks: Mark[] = [];
    try {
      for await (const { name } of await opendir(this.#folder, { bufferSize: 1000 })) {
        if (!name.startsWith(this.#prefix)) continue;
        const [, kind, epoch] =
          /^(epoch|copy)-(\d{1,16})(?:-[0-9a-f]{8})?$/.exec(name.slice(this.#prefix.length)) ?? [];
        if (kind !== undefined) marks.push({ name, kind, epoch: Number(epoch) });
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    return marks;
  }

  /** The highest licence that is newer. */
  #newerOf(marks: readonly Mark[]): Mark | undefined {
    let highest: Mark | undefined;
    for (const mark of marks) {
      if (mark.kind === 'epoch' && mark.epoch > (highest?.epoch ?? this.#epoch)) highest = mark;
    }
    return highest;
  }

  #fenced(newer: Mark | undefined): DataflowError {
    const pipelineId = this.#pipelineId;
    const [why, remedy] =
      newer === undefined
        ? [`the file ${this.#licence}, which gives it the right, is gone`, 'Let it be, and start the pipeline again.']
        : [
            `another process has the right to, under epoch ${newer.epoch}`,
            `Leave it to that one; where none does (the journal was made anew), delete ${join(this.#folder, newer.name)}.`,
          ];
    return new DataflowError(
      'DATAFLOW_ERR_SINK_FENCED',
      `Pipeline ${pipelineId} may not write ${this.#path} under epoch ${this.#epoch} any more: ${why}. ${remedy}`,
      { details: { pipelineId, path: this.#path, epoch: this.#epoch, ...(newer && { newerEpoch: newer.epoch }) } },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
}
