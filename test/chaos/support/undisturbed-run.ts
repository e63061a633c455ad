import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { startChild } from './child.ts';
import { contentsOf } from './pipeline-files.ts';

/**
 * Runs the pipelines of pipelines.mjs once more, on an embedded journal that nothing disturbs: their totals are those,
 * and their files hold byte for byte what `output` holds. Returns these files in base64, by their name.
 */
export async function expectAsUndisturbed(
  folder: string,
  output: string,
  until: number,
  totals: unknown,
): Promise<Record<string, string>> {
  const calm = join(folder, 'calm');
  await mkdir(calm);
  const child = startChild('pipelines-child.mjs', [folder, calm, String(until)]);
  const { done } = await child.said((fact) => fact.done);
  await child.ended;
  expect(totals).toEqual(done.totals);
  const written = await contentsOf(join(output, 'out'));
  expect(written).toEqual(await contentsOf(join(calm, 'out')));
  return written;
}
