import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

export interface SeriesUse {
  readonly name: string;
  /** Of its matchers. */
  readonly labels: string[];
}

export interface SeriesUsage extends SeriesUse {
  /** The functions and aggregations around it, from the innermost on. */
  readonly within: string[];
  /** Labels that the aggregations around it keep or drop. */
  readonly grouping: string[];
}

/** The series that a PromQL expression names; throws where it is not PromQL. */
export function series(expression: string): SeriesUse[] {
  return seriesUsages(expression).map(({ name, labels }) => ({ name, labels }));
}

/** The same, with what is done to each. */
export function seriesUsages(expression: string): SeriesUsage[] {
  return nodes(expression, 'VectorSelector').map((selector) => usage(selector, expression));
}

/** Labels by which operators match their sides: those of `on`, `ignoring`, `group_left` and `group_right`. */
export function matchingLabels(expression: string): string[] {
  return nodes(expression, 'MatchingModifierClause').flatMap((clause) => labelNames(clause, expression));
}

function usage(selector: SyntaxNode, expression: string): SeriesUsage {
  const matchers = selector.getChild('LabelMatchers');
  const labels = matchers === null ? [] : labelNames(matchers, expression);
  const within: string[] = [];
  const grouping: string[] = [];
  for (let node = selector.parent; node !== null; node = node.parent) {
    if (node.name === 'FunctionCall') within.push(text(node.firstChild!, expression));
    if (node.name !== 'AggregateExpr') continue;
    within.push(text(node.firstChild!, expression));
    const modifier = node.getChild('AggregateModifier');
    if (modifier !== null) grouping.push(...labelNames(modifier, expression));
  }
  const name = selector.getChild('Identifier');
  if (name === null) throw new SyntaxError(`${text(selector, expression)} names no series`);
  return { name: text(name, expression), labels, within, grouping };
}

function nodes(expression: string, name: string): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError) throw new SyntaxError(`not PromQL at ${node.from}: ${expression}`);
      if (node.name === name) found.push(node.node);
    },
  });
  return found;
}

function labelNames(node: SyntaxNode, expression: string): string[] {
  const names: string[] = [];
  node.cursor().iterate((inner) => {
    if (inner.name === 'LabelName') names.push(text(inner, expression));
  });
  return names;
}

const text = ({ from, to }: { readonly from: number; readonly to: number }, expression: string): string =>
  expression.slice(from, to);
