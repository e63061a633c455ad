import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../src/cli/failure.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { settingRows } from '../../src/config/settings.ts';
import { ERRORS } from '../../src/errors.ts';
import { INSTRUMENT_LIST, type InstrumentDefinition } from '../../src/metrics/names.ts';
import { ROOT } from './command-line.ts';

const PATH = join(ROOT, 'README.md');

export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** 1-based line of the first line of code. */
  readonly line: number;
}

export function readReadme(): string {
  return readFileSync(PATH, 'utf8');
}

export function codeBlocks(markdown: string, ...languages: readonly string[]): readonly CodeBlock[] {
  const blocks = [...markdown.matchAll(/^```(\S+)\n([\s\S]*?)^```$/gm)].map(({ 1: language, 2: code, index }) => ({
    language: language!,
    code: code!,
    line: markdown.slice(0, index).split('\n').length + 1,
  }));
  return blocks.filter(({ language }) => languages.length === 0 || languages.includes(language));
}

/** The cells of the table below a heading, without its header row. */
export function tableUnder(markdown: string, heading: string): readonly (readonly string[])[] {
  const section = markdown.split(new RegExp(`^${heading}$`, 'm'))[1] ?? '';
  const [table = ''] = /^\|.*(?:\n\|.*)*/m.exec(section) ?? [];
  return rowsOf(table);
}

export function rowsOf(table: string): readonly (readonly string[])[] {
  const cells = table.split('\n').map((line) => line.split(/(?<!\\)\|/).slice(1, -1));
  return cells.slice(2).map((row) => row.map((cell) => cell.trim()));
}

/** Every generated table by its name, as the code says it now. */
export async function expectedTables(): Promise<ReadonlyMap<string, string>> {
  const { commands, options } = await commandLineTables();
  const metrics = (['documented', 'added', 'cluster', 'actor', 'runtime'] as const).map(
    (group) => [`metrics-${group}`, metricsTable(INSTRUMENT_LIST.filter((row) => row.group === group))] as const,
  );
  return new Map([
    ['commands', commands],
    ['options', options],
    ...metrics,
    ['configuration', configurationTable()],
    ['errors', errorsTable()],
  ]);
}

const marker = (name: string): RegExp => new RegExp(`(<!-- table:${name} -->\n)([\\s\\S]*?)(<!-- /table -->)`);

/** The table between the markers of this name; undefined where there are none. */
export function tableNamed(markdown: string, name: string): string | undefined {
  return marker(name).exec(markdown)?.[2];
}

export function tableNames(markdown: string): readonly string[] {
  return [...markdown.matchAll(/<!-- table:(\S+) -->/g)].map(([, name]) => name!);
}

/** Writes the tables into the README. */
export function updateTables(tables: ReadonlyMap<string, string>): void {
  let markdown = readReadme();
  for (const [name, table] of tables) {
    markdown = markdown.replace(marker(name), (_whole, open: string, _old: string, close: string) => {
      return `${open}${table}${close}`;
    });
  }
  writeFileSync(PATH, markdown);
}

function render(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const lines = [titles, titles.map(() => '---'), ...escaped].map((row) => `| ${row.join(' | ')} |`);
  return `\n${lines.join('\n')}\n\n`;
}

const code = (text: string): string => `\`${text}\``;
const listed = (items: readonly string[]): string => items.map(code).join(', ') || '–';

function metricsTable(instruments: readonly InstrumentDefinition[]): string {
  return render(
    ['series', 'instrument', 'kind', 'attributes', 'meaning'],
    instruments.map(({ series, name, kind, attributes, description, buckets }) => [
      code(series),
      code(name),
      kind,
      listed(attributes),
      buckets === undefined ? description : `${description} Buckets: ${buckets.join(', ')}.`,
    ]),
  );
}

function configurationTable(): string {
  return render(
    ['setting', 'default', 'environment', 'meaning'],
    settingRows().map(({ key, default: fallback, env, meaning }) => [
      code(key),
      code(fallback),
      listed(env.split(', ').filter(Boolean)),
      meaning,
    ]),
  );
}

function errorsTable(): string {
  const rows = Object.entries(ERRORS).map(([name, { disposition, meaning }]) => [code(name), disposition, meaning]);
  return render(['code', 'disposition', 'meaning'], rows);
}

/** What `--help` says, of the program and of each command. */
async function commandLineTables(): Promise<{ readonly commands: string; readonly options: string }> {
  const program = await help();
  const names = section(program, 'Commands').map(([term]) => term.split(' ')[0]!);
  const commands: (readonly string[])[] = [];
  const options: (readonly string[])[] = section(program, 'Options').map(([term, does]) => [code(term), 'all', does]);
  for (const name of await leaves(names)) {
    const text = await help(...name.split(' '));
    const [, usage = ''] = /^Usage: (.*)$/m.exec(text) ?? [];
    const [, does = ''] = /^Usage: .*\n\n([\s\S]*?)\n\n/.exec(text) ?? [];
    commands.push([code(usage.replace(' [options]', '')), does.replaceAll(/\s*\n\s*/g, ' ')]);
    for (const [term, meaning] of section(text, 'Options')) {
      if (!term.includes('--help')) options.push([code(term), code(name), meaning]);
    }
  }
  return { commands: render(['command', 'does'], commands), options: render(['option', 'of', 'does'], options) };
}

/** The commands that do something: in place of one that only has commands of its own, these. */
async function leaves(names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names.filter((candidate) => !/(?:^| )help$/.test(candidate))) {
    const inner = section(await help(...name.split(' ')), 'Commands').map(([term]) => `${name} ${term.split(' ')[0]!}`);
    found.push(...(inner.length === 0 ? [name] : await leaves(inner)));
  }
  return found;
}

async function help(...command: readonly string[]): Promise<string> {
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  const exitCode = await runCommandLine([...command, '--help'], {
    out: write,
    err: write,
    isInteractive: false,
    columns: 80,
  });
  if (exitCode !== EXIT.done) throw new Error(`--help of ${command.join(' ')} gave ${exitCode}:\n${text}`);
  return text;
}

/** Terms and their descriptions, wrapped lines joined. */
function section(text: string, title: string): readonly (readonly [string, string])[] {
  const [, body = ''] = new RegExp(`^${title}:\n((?: .*\n?)*)`, 'm').exec(text) ?? [];
  const joined = body.replaceAll(/\n {12,}/g, ' ').split('\n');
  return joined.flatMap((line) => {
    const [, term, does] = /^ {2}(\S.*?) {2,}(.*)$/.exec(line) ?? [];
    return term === undefined || does === undefined ? [] : [[term, does] as const];
  });
}
