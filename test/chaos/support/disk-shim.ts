/**
 * Compiles disk-shim.c and hands out what a child process needs to run on it.
 *
 * Where there is no C compiler, or no Linux, the tests that need it are skipped with that reason; where CI is set
 * they fail instead, so that nobody takes silence for proof.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test } from '@jest/globals';
import { chaosTest } from './chaos.ts';

let library: { readonly path: string } | { readonly missing: string } | undefined;

function build(): NonNullable<typeof library> {
  if (process.platform !== 'linux') return { missing: 'needs Linux' };
  const folder = mkdtempSync(join(tmpdir(), 'dataflow-shim-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'disk-shim.so');
  const source = join(import.meta.dirname, 'disk-shim.c');
  const { status, error, stderr } = spawnSync(
    'cc',
    ['-shared', '-fPIC', '-O1', '-o', path, source, '-ldl', '-lpthread'],
    {
      encoding: 'utf8',
    },
  );
  if (error !== undefined) return { missing: 'needs the C compiler cc' };
  if (status !== 0) throw new Error(`disk-shim.c does not compile: ${stderr}`);
  return { path };
}

/** A chaos test of processes that run on the shim. */
export function shimTest(name: string, body: Parameters<typeof chaosTest>[1]): void {
  library ??= build();
  if ('path' in library) chaosTest(name, body);
  else if (process.env.CI === undefined) test.skip(`${name} (${library.missing})`, () => {});
  else {
    const { missing } = library;
    test(name, () => {
      throw new Error(`this test ${missing}, which CI must have`);
    });
  }
}

/** What a process sees of the disk and the clock, changed while it runs. */
export class Disk {
  /** Every file below it goes through the shim. */
  readonly root: string;
  /** Every change of those files, in order: what `readDiskLog` reads. */
  readonly log: string;
  readonly #control: string;
  readonly #handle: number;

  constructor(folder: string, root: string) {
    this.root = root;
    this.log = join(folder, 'disk.log');
    this.#control = join(folder, 'disk.control');
    this.#handle = openSync(this.#control, 'w');
    this.failSyncs(0);
    this.leaveRoom(undefined);
    this.stepClock(0);
  }

  /** The next `count` calls of fsync and fdatasync fail with EIO, -1: all; those `after` the first so many. */
  failSyncs(count: number, after = 0): void {
    this.#set(3, after);
    this.#set(0, count);
  }

  /** Bytes that may still be written before ENOSPC; undefined: no limit. */
  leaveRoom(bytes: number | undefined): void {
    this.#set(1, bytes ?? -1);
  }

  /** The wall clock is this many ms off. */
  stepClock(offMs: number): void {
    this.#set(2, offMs);
  }

  /** For `startChild`. */
  environment({ logged = false } = {}): Record<string, string> {
    if (library === undefined || !('path' in library)) throw new Error('use shimTest');
    return {
      LD_PRELOAD: library.path,
      CHAOS_ROOT: this.root,
      CHAOS_CONTROL: this.#control,
      ...(logged && { CHAOS_LOG: this.log }),
    };
  }

  close(): void {
    closeSync(this.#handle);
  }

  #set(index: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(value)));
    writeSync(this.#handle, bytes, 0, 8, index * 8);
  }
}
