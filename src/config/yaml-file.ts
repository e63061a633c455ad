import { type FileHandle, open } from 'node:fs/promises';
import {
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  visit,
} from 'yaml';
import { codeOf, DataflowError, describeProblem, messageOf, type Problem } from '../errors.ts';

export interface Position {
  /** 1-based. */
  readonly line: number;
  readonly column: number;
}

export interface YamlFile {
  readonly file: string;
  /** Plain data; undefined for an empty file. */
  readonly value: unknown;
  /** Where a dotted path stands in the file, or the nearest part of it that is there. */
  locate(path: string): Position;
}

export const MAX_YAML_BYTES = 8 * 1024 * 1024;
/** More uses of anchors than this multiply a small file into a huge value. */
const MAX_ALIASES = 100;
const MAX_DEPTH = 100;

/**
 * Reads one YAML 1.2 document. DATAFLOW_ERR_CONFIG_UNREADABLE when the file is missing, unreadable, no file or over
 * 8 MiB; DATAFLOW_ERR_CONFIG_SYNTAX, with every error's line and column, when it does not parse.
 */
export async function readYamlFile(file: string): Promise<YamlFile> {
  return parseYaml(await readText(file), file);
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    bytes = await readAtMost(handle, MAX_YAML_BYTES + 1);
  } catch (error) {
    throw unreadable(file, reasonOf(error), error);
  } finally {
    await handle?.close();
  }
  if (bytes.length > MAX_YAML_BYTES) throw unreadable(file, `more than ${MAX_YAML_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw syntaxError(file, [{ path: '', expected: 'UTF-8 text', got: 'bytes that are no UTF-8', file }]);
  }
}

/** The size is not asked for first: a pipe has none, and a device has no end. */
async function readAtMost(handle: FileHandle, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < limit) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(65_536), 0, 65_536, null);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  return Buffer.concat(chunks);
}

function reasonOf(error: unknown): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'no such file',
    ENOTDIR: 'no such file',
    EACCES: 'no permission to read it',
    EPERM: 'no permission to read it',
    EISDIR: 'a directory',
    ERR_INVALID_ARG_VALUE: 'no valid path',
  };
  return reasons[codeOf(error) ?? ''] ?? messageOf(error);
}

function unreadable(file: string, got: string, cause?: unknown): DataflowError {
  const problem: Problem = { path: '', expected: 'a readable YAML file', got, file };
  return new DataflowError(
    'DATAFLOW_ERR_CONFIG_UNREADABLE',
    `Cannot read ${file}: ${got}. Check the path and its permissions.`,
    { cause, problems: [problem] },
  );
}

function syntaxError(file: string, problems: readonly Problem[]): DataflowError {
  const lines = problems.map((problem) => `\n  ${describeProblem(problem)}`).join('');
  return new DataflowError('DATAFLOW_ERR_CONFIG_SYNTAX', `${file} is not valid YAML; correct it:${lines}`, {
    problems,
  });
}

/** The same for a text that is at hand; `file` names it in problems. */
export function parseYaml(text: string, file: string): YamlFile {
  const lineCounter = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const refuse = (faults: readonly Fault[]) =>
    syntaxError(
      file,
      faults.map(({ message, offset }) => {
        const at = position(offset);
        return { path: '', expected: 'valid YAML', got: withHint(message, text, at), file, ...at };
      }),
    );
  const tooDeep = offsetBelow(text, MAX_DEPTH, lineCounter);
  if (tooDeep !== undefined) throw refuse([{ message: `more than ${MAX_DEPTH} levels of nesting`, offset: tooDeep }]);
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true });
  const faults = [...document.errors, ...document.warnings].map(({ message, pos }) => ({ message, offset: pos[0] }));
  faults.push(...aliasFaults(document));
  if (faults.length > 0) throw refuse(faults);
  const value = expand(document, (message) => refuse([{ message, offset: 0 }]));
  const resolve = (node: unknown) => (isAlias(node) ? node.resolve(document) : node);
  return { file, value, locate: (path) => position(offsetOf(document.contents, segmentsOf(path), resolve)) };
}

interface Fault {
  readonly message: string;
  readonly offset: number;
}

/** Plain data; an empty document, null for the parser, is undefined. */
function expand(document: Document, refuse: (message: string) => DataflowError): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) ?? undefined;
  } catch (error) {
    throw refuse(`anchors that cannot be expanded (${messageOf(error)})`);
  }
}

/** The parser composes recursively and dies of too deep a nesting, so the flat syntax tree is measured before. */
function offsetBelow(text: string, maxDepth: number, lineCounter: LineCounter): number | undefined {
  for (const root of new Parser(lineCounter.addNewLine).parse(text)) {
    const open: [token: CST.Token, depth: number][] = [[root, 0]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [token, depth] = next;
      if (depth > maxDepth) return token.offset;
      if (token.type === 'document' && token.value !== undefined) open.push([token.value, depth]);
      if (!('items' in token)) continue;
      for (const { key, value } of token.items)
        for (const child of [key, value]) if (child) open.push([child, depth + 1]);
    }
  }
  return undefined;
}

/** Left to itself the parser throws at the first without a position, or builds a cycle. */
function aliasFaults(document: Document): Fault[] {
  const faults: Fault[] = [];
  visit(document, {
    Alias(_key, alias, ancestors) {
      const target = alias.resolve(document);
      const offset = startOf(alias);
      if (target === undefined) faults.push({ message: `an alias of the unknown anchor ${alias.source}`, offset });
      else if (ancestors.includes(target))
        faults.push({ message: `an alias of its own parent ${alias.source}`, offset });
    },
  });
  return faults;
}

/** In a flow mapping an unquoted `${NAME}` opens another mapping, which nobody guesses from the parser's words. */
function withHint(message: string, text: string, { line }: Position): string {
  const source = text.split('\n', line)[line - 1] ?? '';
  return source.includes('${') ? `${message}; put quotes around a value with \${…}` : message;
}

function segmentsOf(path: string): string[] {
  return path === '' ? [] : path.replace(/\[(\d+)\]/g, '.$1').split('.');
}

/** Walks as far as the path goes; a key may itself hold dots, so that several segments may be one key, quoted or not. */
function offsetOf(root: unknown, segments: readonly string[], resolve: (node: unknown) => unknown): number {
  let offset = startOf(root);
  let node = resolve(root);
  for (let at = 0; at < segments.length; ) {
    if (isSeq(node)) {
      const item = node.items[Number(segments[at])];
      if (item === undefined) return offset;
      offset = startOf(item);
      node = resolve(item);
      at += 1;
      continue;
    }
    const found = isMap(node) ? findPair(node.items, segments, at) : undefined;
    if (found === undefined) return offset;
    offset = startOf(found.pair.key);
    node = resolve(found.pair.value);
    at = found.next;
  }
  return offset;
}

interface PairLike {
  readonly key: unknown;
  readonly value: unknown;
}

function findPair(pairs: readonly PairLike[], segments: readonly string[], at: number) {
  for (let next = at + 1; next <= segments.length; next++) {
    const key = segments.slice(at, next).join('.');
    const pair = pairs.find(
      ({ key: node }) => isScalar(node) && [node.value, JSON.stringify(node.value)].includes(key),
    );
    if (pair !== undefined) return { pair, next };
  }
  return undefined;
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}
