import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, DataflowError, messageOf } from '../errors.ts';
import { generateSloFiles } from '../slo/generate.ts';
import { loadFiles } from './check.ts';
import { EXIT } from './failure.ts';
import type { GlobalOptions } from './global-options.ts';
import { assertMeasurable, durationBuckets } from './measurable.ts';
import { readConfig } from './settings.ts';
import type { Terminal } from './terminal.ts';

export interface GenerateOptions {
  readonly out: string;
  readonly job: string;
  readonly force?: boolean;
}

/** Writes the rules, tests and the dashboard for the objectives of the pipelines; all of them or, where one is in the way, none. */
export async function generateSlo(
  files: readonly string[],
  options: GenerateOptions,
  globals: GlobalOptions,
  terminal: Terminal,
): Promise<number> {
  const config = await readConfig(globals);
  const pipelines = await loadFiles(files);
  assertMeasurable(pipelines, config);
  const generated = generateSloFiles(
    pipelines.map(({ spec }) => spec),
    { job: options.job, ...durationBuckets(config) },
  );
  const outputs = await Promise.all(
    generated.map(async ({ path, content }) => {
      const file = join(options.out, path);
      return { file, content, before: await readIfThere(file) };
    }),
  );
  const inTheWay = outputs.filter(({ content, before }) => before !== undefined && before !== content);
  if (inTheWay.length > 0 && options.force !== true) {
    const names = inTheWay.map(({ file }) => file);
    throw new DataflowError(
      'DATAFLOW_ERR_OUTPUT_EXISTS',
      `${names.join(', ')} ${names.length === 1 ? 'exists' : 'exist'} with another content; nothing was written. Overwrite with --force, or choose another directory with --out.`,
      { details: { files: names } },
    );
  }
  for (const { file, content, before } of outputs) {
    if (content !== before) await write(file, content);
    terminal.out(`${content === before ? 'unchanged' : 'wrote'}  ${file}\n`);
  }
  return EXIT.done;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unwritable(file, error);
  }
}

async function write(file: string, content: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, cause: unknown): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_OUTPUT_UNWRITABLE',
    `Cannot write ${file}: ${messageOf(cause)}. Choose a directory with --out where files can be written.`,
    { cause, details: { file } },
  );
}
