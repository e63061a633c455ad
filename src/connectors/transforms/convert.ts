import { ProblemCollector } from '../../domain/problem-collector.ts';
import type { TransformSpec } from '../../domain/spec.ts';
import type { Transform } from '../../runtime/connector.ts';
import { convertValue, NOT_CONVERTIBLE, VALUE_TYPES, type ValueType } from '../convert-value.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { newRecord } from '../new-record.ts';
import { fieldsOf, refuseRecord } from '../record-refusal.ts';
import { checkFields, entriesOf } from './config.ts';

/**
 * Transform `convert` `{ fields: { name: number | integer | boolean | date | string } }`. A missing field is left alone, an
 * empty one becomes null, one that cannot be converted refuses the record.
 */
export const CONVERT_TRANSFORM: ConnectorDefinition<TransformSpec, Transform> = {
  validate({ config }) {
    const check = new ProblemCollector();
    check.mapping(config, 'config', ['fields']);
    checkFields(check, config.fields, `one of ${VALUE_TYPES.join(', ')}`, (value, path) => {
      check.choice(value ?? null, path, VALUE_TYPES, 'string');
    });
    return check.problems;
  },
  create({ config }) {
    const types = entriesOf(config.fields) as [string, ValueType][];
    return {
      apply(record) {
        const result = newRecord(fieldsOf(record, 'convert'));
        for (const [name, type] of types) {
          if (!Object.hasOwn(result, name)) continue;
          const converted = convertValue(result[name], type);
          if (converted === NOT_CONVERTIBLE) throw refuseRecord(`The field ${name} holds no ${type}`);
          result[name] = converted;
        }
        return result;
      },
    };
  },
};
