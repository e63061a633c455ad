/**
 * What a disk may hold after the power failed. Owns: which changes are safe, which are not yet, which are lost.
 *
 * R1 What was written to a file before a sync of it is safe. A name is safe after a sync of its directory; a file is
 *    there only if its name and those of all its directories are.
 * R2 Of the rest any part may be there: whole writes, parts of writes by sectors, later ones without earlier ones.
 *    Names appear and go in their order.
 * R3 A sync that failed takes with it what it should have written: part of it is on the disk, and no later sync
 *    brings the rest (that is how Linux behaves).
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Change } from './disk-log.ts';
import type { Random } from './random.ts';

const SECTOR = 512;

type FileChange = Extract<Change, { kind: 'write' | 'truncate' }>;
type NameChange =
  | { readonly kind: 'add'; readonly name: string; readonly file: ModelFile | 'directory' }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly name: string };

class ModelFile {
  readonly safe = new GrowingFile(Buffer.alloc(0));
  pending: FileChange[] = [];
}

/** What becomes of the changes that were not synced. */
const FATES = ['all', 'none', 'some', 'sectors', 'torn-end'] as const;
type Fate = (typeof FATES)[number];

export class DiskModel {
  readonly #names = new Map<string, ModelFile | 'directory'>();
  #pendingNames: NameChange[] = [];
  readonly #inodes = new Map<number, ModelFile>();
  readonly #random: Random;

  /** @param root what is on the disk to begin with, all of it safe; default: nothing */
  constructor(random: Random, root?: string) {
    this.#random = random;
    if (root === undefined) return;
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = relative(root, path);
      if (entry.isDirectory()) this.#names.set(name, 'directory');
      else {
        const file = new ModelFile();
        file.safe.write(0, readFileSync(path));
        this.#names.set(name, file);
        this.#inodes.set(statSync(path).ino, file);
      }
    }
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'create': {
        const file = new ModelFile();
        this.#inodes.set(change.inode, file);
        this.#pendingNames.push({ kind: 'add', name: change.name, file });
        return;
      }
      case 'mkdir':
        this.#pendingNames.push({ kind: 'add', name: change.name, file: 'directory' });
        return;
      case 'rename':
        this.#pendingNames.push(change);
        return;
      case 'unlink':
        this.#pendingNames.push({ kind: 'unlink', name: change.name });
        return;
      case 'sync-directory': {
        const [now, later] = partition(this.#pendingNames, ({ name }) => folderOf(name) === change.name);
        for (const pending of now) rename(this.#names, pending);
        this.#pendingNames = later;
        return;
      }
      case 'write':
      case 'truncate':
        this.#file(change).pending.push(change);
        return;
      case 'sync':
        this.#settle(this.#file(change), 'all');
        return;
      case 'sync-failed':
        this.#settle(this.#file(change), 'sectors');
    }
  }

  /** Writes into `folder` what is found there when the power comes back. */
  writeImage(folder: string): void {
    const names = new Map(this.#names);
    const survivors = this.#random.pick([
      0,
      this.#pendingNames.length,
      this.#random.below(this.#pendingNames.length + 1),
    ]);
    for (const pending of this.#pendingNames.slice(0, survivors)) rename(names, pending);
    const fate = this.#random.pick(FATES);
    mkdirSync(folder);
    const reachable = new Set(['']);
    for (const [name, file] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!reachable.has(folderOf(name))) continue;
      if (file === 'directory') {
        mkdirSync(join(folder, name));
        reachable.add(name);
      } else {
        const found = new GrowingFile(file.safe.content);
        applyPart(found, file.pending, fate, this.#random);
        writeFileSync(join(folder, name), found.content);
      }
    }
  }

  #file({ name, inode }: { readonly name: string; readonly inode: number }): ModelFile {
    const file = this.#inodes.get(inode);
    if (file === undefined) throw new Error(`${name} was not created under the shim`);
    return file;
  }

  #settle(file: ModelFile, fate: Fate): void {
    applyPart(file.safe, file.pending, fate, this.#random);
    file.pending = [];
  }
}

function folderOf(name: string): string {
  const folder = dirname(name);
  return folder === '.' ? '' : folder;
}

function partition<T>(values: readonly T[], belongs: (value: T) => boolean): [T[], T[]] {
  return [values.filter(belongs), values.filter((value) => !belongs(value))];
}

function rename(names: Map<string, ModelFile | 'directory'>, change: NameChange): void {
  if (change.kind === 'add') {
    names.set(change.name, change.file);
    return;
  }
  const file = names.get(change.name);
  names.delete(change.name);
  if (change.kind === 'rename' && file !== undefined) names.set(change.to, file);
}

/** Changes a file by the part of what was not synced that this fate leaves. */
function applyPart(file: GrowingFile, pending: readonly FileChange[], fate: Fate, random: Random): void {
  if (pending.length === 0 || fate === 'none') return;
  const last = fate === 'torn-end' ? random.below(pending.length) : pending.length - 1;
  const share = fate === 'all' ? 1 : random.next();
  for (const [index, change] of pending.slice(0, last + 1).entries()) {
    const torn = fate === 'sectors' || (fate === 'torn-end' && index === last);
    const whole = !torn && (fate === 'torn-end' || random.happens(share));
    if (change.kind === 'truncate') {
      if (whole || (torn && random.happens(share))) file.truncate(change.length);
    } else if (whole) file.write(change.offset, change.data);
    else if (torn) {
      for (const [offset, data] of sectorsOf(change)) if (random.happens(share)) file.write(offset, data);
    }
  }
}

function* sectorsOf({ offset, data }: Extract<Change, { kind: 'write' }>): Generator<[number, Buffer]> {
  for (let at = offset; at < offset + data.length; ) {
    const end = Math.min(offset + data.length, (Math.floor(at / SECTOR) + 1) * SECTOR);
    yield [at, data.subarray(at - offset, end - offset)];
    at = end;
  }
}

class GrowingFile {
  #bytes: Buffer;
  #length: number;

  constructor(content: Buffer) {
    this.#bytes = Buffer.from(content);
    this.#length = content.length;
  }

  write(offset: number, data: Buffer): void {
    this.#reserve(offset + data.length);
    data.copy(this.#bytes, offset);
    this.#length = Math.max(this.#length, offset + data.length);
  }

  truncate(length: number): void {
    this.#reserve(length);
    if (length < this.#length) this.#bytes.fill(0, length, this.#length);
    this.#length = length;
  }

  get content(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(length, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
