import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../../support/command-line.ts';

/** What the file pipelines of pipelines.mjs read. */
export async function writeFlights(folder: string, rowCount: number): Promise<void> {
  const [header, ...flights] = (await readFile(join(ROOT, 'config/samples/flights.csv'), 'utf8')).trim().split('\n');
  const rows = Array.from({ length: rowCount }, (_, index) => flights[index % flights.length] as string);
  // Every 97th row is one column short: dead letters must be exact as well.
  const broken = rows.map((row, index) => (index % 97 === 0 ? row.slice(0, row.lastIndexOf(',')) : row));
  await writeFile(join(folder, 'flights.csv'), [header, ...broken, ''].join('\n'));
}

/** Every file of a directory in base64, by its name; without the empty ones in which a sink notes its owner's epoch. */
export async function contentsOf(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).filter((name) => !/^\..*\.epoch-\d+$/.test(name)).sort();
  const read = async (name: string) => [name, (await readFile(join(directory, name))).toString('base64')] as const;
  return Object.fromEntries(await Promise.all(names.map(read)));
}
