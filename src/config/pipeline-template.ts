import type { Environment } from '../connectors/environment.ts';
import { isMapping, joinPath } from '../domain/problem-collector.ts';
import type { Problem } from '../errors.ts';
import { expandTemplates, isMalformedTemplate } from './template.ts';

/** What connectors read keeps its templates: the specification goes into the journal, which must not hold secrets. */
const LATE = /^(?:(?:source|sink|deadLetter)\.(?:connectionString|options)|transforms\.\d+\.config)(?:\.|$)/;
/** Expressions and patterns have uses of their own for `${`. */
const FREE_TEXT = /^(?:description$|transforms\.\d+\.config\.)/;
const NUMERIC =
  /^(?:(?:source|sink|deadLetter)\.batchSize|source\.pollIntervalMs|retry\.(?:maxRetries|initialMs|maxMs|jitter)|(?:batch|operation)TimeoutMs|slo\.\w+\.(?:target|underMs|withinMs))$/;
const NUMBER = /^-?\d+(?:\.\d+)?$/;

export interface ExpandedPipeline {
  readonly spec: unknown;
  readonly problems: readonly Problem[];
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of one pipeline's specification except in connection strings,
 * options and transform configs, where they stay for the connectors to resolve when they open. A variable without
 * value or default is a problem in both. Numeric fields get a number.
 */
export function expandPipeline(spec: unknown, env: Environment): ExpandedPipeline {
  const problems: Problem[] = [];
  return { spec: expandNode(spec, '', env, problems), problems };
}

function expandNode(node: unknown, path: string, env: Environment, problems: Problem[]): unknown {
  if (Array.isArray(node)) {
    return node.map((item: unknown, index) => expandNode(item, joinPath(path, index), env, problems));
  }
  if (isMapping(node)) {
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(node)) {
      const value = expandNode(item, joinPath(path, key), env, problems);
      // Defined, not assigned: a key `__proto__` must stay a key, to be refused later.
      Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
    }
    return copy;
  }
  return typeof node === 'string' ? expandText(node, path, env, problems) : node;
}

function expandText(text: string, path: string, env: Environment, problems: Problem[]): unknown {
  const { value, faults } = expandTemplates(text, env);
  for (const got of faults) {
    problems.push({ path, expected: 'environment variables that are set or have a default', got });
  }
  if (isMalformedTemplate(text) && !FREE_TEXT.test(path)) {
    problems.push({ path, expected: `\${NAME} or \${NAME:-default}`, got: `a \${ that starts neither` });
  }
  if (LATE.test(path)) return text;
  return value !== text && NUMERIC.test(path) && NUMBER.test(String(value).trim()) ? Number(value) : value;
}
