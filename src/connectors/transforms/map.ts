import { isMapping, ProblemCollector } from '../../domain/problem-collector.ts';
import type { TransformSpec } from '../../domain/spec.ts';
import { messageOf } from '../../errors.ts';
import type { RecordMetadata, Transform } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { Expression } from '../expressions/expression.ts';
import { toPlainValue } from '../expressions/plain-value.ts';
import { newRecord } from '../new-record.ts';
import { fieldsOf, refuseRecord } from '../record-refusal.ts';
import { checkExpression, checkFields, entriesOf } from './config.ts';

/**
 * Transform `map`. `{ expression }`: a map that is the new record, or a list of maps for several. `{ fields: { name:
 * expression } }` sets fields and keeps the others, unless `keep: false`. With both, fields are set on what the expression
 * gave and see it as `record`.
 */
export const MAP_TRANSFORM: ConnectorDefinition<TransformSpec, Transform> = {
  validate({ config }) {
    const check = new ProblemCollector();
    check.mapping(config, 'config', ['expression', 'fields', 'keep']);
    if (config.expression === undefined && config.fields === undefined) {
      check.refuse('config', 'expression, fields or both', undefined);
    }
    if (config.expression !== undefined) checkExpression(check, config.expression, 'config.expression', 'record');
    if (config.fields !== undefined) {
      checkFields(check, config.fields, 'a CEL expression', (value, path) =>
        checkExpression(check, value, path, 'value'),
      );
    }
    if (config.keep !== undefined && typeof config.keep !== 'boolean') {
      check.refuse('config.keep', 'true or false', config.keep);
    }
    return check.problems;
  },
  create({ config }) {
    const whole =
      config.expression === undefined
        ? undefined
        : Expression.parse(String(config.expression), 'record', 'config.expression');
    const fields = entriesOf(config.fields).map(
      ([name, source]) => [name, Expression.parse(String(source), 'value', `config.fields.${name}`)] as const,
    );
    const set = (record: unknown, metadata: RecordMetadata) =>
      setFields(fields, config.keep !== false, record, metadata);
    return {
      apply(record, metadata) {
        if (whole === undefined) return set(record, metadata);
        const result = plain(whole.evaluate(record, metadata));
        const records = Array.isArray(result) ? result : [result];
        for (const item of records) if (!isMapping(item)) throw refuseRecord('The map gave something other than a map');
        if (fields.length === 0) return result;
        return Array.isArray(result) ? result.map((item) => set(item, metadata)) : set(result, metadata);
      },
    };
  },
};

function setFields(
  fields: readonly (readonly [string, Expression])[],
  keep: boolean,
  record: unknown,
  metadata: RecordMetadata,
): Record<string, unknown> {
  const result = newRecord(keep ? fieldsOf(record, 'map') : undefined);
  for (const [name, expression] of fields) result[name] = plain(expression.evaluate(record, metadata));
  return result;
}

function plain(value: unknown): unknown {
  try {
    return toPlainValue(value);
  } catch (error) {
    throw refuseRecord(messageOf(error), error);
  }
}
