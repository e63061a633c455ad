import { ProblemCollector } from '../../domain/problem-collector.ts';
import type { TransformSpec } from '../../domain/spec.ts';
import type { Transform } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { Expression } from '../expressions/expression.ts';
import { refuseRecord } from '../record-refusal.ts';
import { checkExpression } from './config.ts';

/** Transform `filter` `{ expression }`: keeps the records for which it is true. */
export const FILTER_TRANSFORM: ConnectorDefinition<TransformSpec, Transform> = {
  validate({ config }) {
    const check = new ProblemCollector();
    check.mapping(config, 'config', ['expression']);
    checkExpression(check, config.expression, 'config.expression', 'bool');
    return check.problems;
  },
  create({ config }) {
    const expression = Expression.parse(String(config.expression), 'bool', 'config.expression');
    return {
      apply(record, metadata) {
        const keep = expression.evaluate(record, metadata);
        if (typeof keep !== 'boolean') throw refuseRecord(`The filter gave a ${typeof keep} instead of a bool`);
        // A list as result stands for several records.
        return keep ? (Array.isArray(record) ? [record] : record) : undefined;
      },
    };
  },
};
