import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '@jest/globals';
import { Random } from './random.ts';

/** `npm run test:chaos` sets it: many more rounds than there is time for in `npm test`. */
export const LONG = process.env.CHAOS === 'long';

/** Only what hangs fails by time. */
const LIMIT_MS = LONG ? 3_600_000 : 300_000;

/** What a test does by chance. `CHAOS_SEED=random` or a number looks at other cases than the usual ones. */
function newSeed(): number {
  const { CHAOS_SEED = LONG ? 'random' : '20261122' } = process.env;
  return CHAOS_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(CHAOS_SEED);
}

/** How often something is done: in the short form, in the long one. */
export function rounds(short: number, long: number): number {
  return LONG ? long : short;
}

/** A test that has a folder of its own and a source of chance; when it fails it names the seed that repeats it. */
export function chaosTest(name: string, body: (random: Random, folder: string) => Promise<void>): void {
  test(
    name,
    async () => {
      const seed = newSeed();
      const folder = await mkdtemp(join(tmpdir(), 'dataflow-chaos-'));
      try {
        await body(new Random(seed), folder);
      } catch (error) {
        if (error instanceof Error) error.message = `CHAOS_SEED=${seed}: ${error.message}`;
        throw error;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    LIMIT_MS,
  );
}

/** A chaos test that needs what only Linux has. */
export const linuxTest: typeof chaosTest =
  process.platform === 'linux' ? chaosTest : (name) => test.skip(`${name} (needs Linux)`, () => {});
