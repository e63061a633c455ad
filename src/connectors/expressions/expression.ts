import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import { codeOf, DataflowError, messageOf, type Problem } from '../../errors.ts';
import type { RecordMetadata } from '../../runtime/connector.ts';
import { refuseRecord } from '../record-refusal.ts';
import { createEnvironment, LINEAR_MATCHES } from './environment.ts';
import { patternFault } from './linear-regex.ts';

/** What a place can do with a result: a filter needs a bool, a new record a map or a list of them. */
export type Wanted = 'bool' | 'record' | 'value';

const LONGEST = 10_000;
const environment = createEnvironment();

/** A CEL expression, parsed and checked once. */
export class Expression {
  readonly #evaluate: ParseResult;

  private constructor(evaluate: ParseResult) {
    this.#evaluate = evaluate;
  }

  /** @throws DataflowError DATAFLOW_ERR_EXPRESSION_INVALID with the problem and its position in the expression. */
  static parse(source: string, wanted: Wanted, path = ''): Expression {
    const problem = (reason: string, position?: number): DataflowError =>
      invalid(source, reason, wanted, path, position);
    if (source.length > LONGEST) throw problem(`an expression of ${source.length} characters`);
    let parsed: ParseResult;
    try {
      parsed = environment.parse(source);
      useLinearMatches(parsed.ast, (reason, node) => problem(reason, node.start));
    } catch (error) {
      if (codeOf(error)?.startsWith('DATAFLOW_') === true) throw error;
      throw problem(summaryOf(error), startOf(error));
    }
    const { valid, type, error } = parsed.check();
    if (!valid) throw problem(summaryOf(error), startOf(error));
    if (!gives(type ?? 'dyn', wanted)) throw problem(`an expression of type ${type}`, 0);
    return new Expression(parsed);
  }

  /** @throws DataflowError DATAFLOW_ERR_TRANSFORM_FAILED for this record. */
  evaluate(record: unknown, metadata: RecordMetadata): unknown {
    try {
      return this.#evaluate({ record, metadata });
    } catch (error) {
      // The library takes the constructor of an object from its `constructor` field, even where that is data.
      if (hasConstructorField(record)) return this.#evaluateMaps(record, metadata);
      throw refuseRecord(summaryOf(error), error);
    }
  }

  #evaluateMaps(record: unknown, metadata: RecordMetadata): unknown {
    try {
      return this.#evaluate({ record: toMaps(record), metadata });
    } catch (error) {
      throw refuseRecord(summaryOf(error), error);
    }
  }
}

/** The problem with an expression at `path` of a specification, or undefined. */
export function expressionProblem(source: string, wanted: Wanted, path: string): Problem | undefined {
  try {
    Expression.parse(source, wanted, path);
    return undefined;
  } catch (error) {
    if (codeOf(error) === 'DATAFLOW_ERR_EXPRESSION_INVALID') return (error as DataflowError).problems[0];
    throw error;
  }
}

const EXPECTED: Readonly<Record<Wanted, string>> = {
  bool: 'a CEL expression that gives a bool',
  record: 'a CEL expression that gives a map',
  value: 'a CEL expression',
};

function gives(type: string, wanted: Wanted): boolean {
  if (type === 'dyn' || type.startsWith('dyn<')) return true;
  if (wanted === 'bool') return type === 'bool';
  if (wanted === 'record') return type.startsWith('map') || type.startsWith('list');
  return type !== 'type';
}

function invalid(source: string, reason: string, wanted: Wanted, path: string, position?: number): DataflowError {
  const before = position === undefined ? undefined : source.slice(0, position).split('\n');
  const line = before?.length;
  const column = before === undefined ? undefined : before.at(-1)!.length + 1;
  const where =
    line === undefined ? '' : line === 1 ? ` at character ${column}` : ` at line ${line}, character ${column}`;
  const got = `${reason}${where} of ${JSON.stringify(source.length > 120 ? `${source.slice(0, 120)}…` : source)}`;
  return new DataflowError(
    'DATAFLOW_ERR_EXPRESSION_INVALID',
    `Expected ${EXPECTED[wanted]}, got ${got}. Correct the expression; it may use record and metadata.`,
    { problems: [{ path, expected: EXPECTED[wanted], got }] },
  );
}

function summaryOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'summary' in error && typeof error.summary === 'string') {
    return error.summary.split('\n', 1)[0]!;
  }
  return messageOf(error).split('\n', 1)[0]!;
}

function startOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('range' in error)) return undefined;
  const { range } = error;
  return typeof range === 'object' && range !== null && 'start' in range && typeof range.start === 'number'
    ? range.start
    : undefined;
}

/** Renames every call of `matches` in a tree that has not been checked yet; constant patterns are compiled now. */
function useLinearMatches(root: ASTNode, problem: (reason: string, node: ASTNode) => DataflowError): void {
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    if (Array.isArray(part)) {
      for (const item of part) visit(item);
      return;
    }
    if (!('op' in part && 'args' in part)) {
      for (const item of Object.values(part)) visit(item);
      return;
    }
    const node = part as ASTNode;
    if ((node.op === 'rcall' || node.op === 'call') && node.args[0] === 'matches') {
      const args: readonly ASTNode[] = node.op === 'rcall' ? node.args[2] : node.args[1];
      const pattern = args.at(-1);
      if (pattern?.op === 'value' && typeof pattern.args === 'string') {
        const fault = patternFault(pattern.args);
        if (fault !== undefined) throw problem(fault, pattern);
      }
      node.args[0] = LINEAR_MATCHES;
    }
    visit(node.args);
  };
  visit(root);
}

function hasConstructorField(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, 'constructor') || Object.values(value).some(hasConstructorField);
}

function toMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toMaps);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, toMaps(item)]));
}
