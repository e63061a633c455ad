import { ProblemCollector } from '../../domain/problem-collector.ts';
import type { TransformSpec } from '../../domain/spec.ts';
import type { Transform } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { newRecord } from '../new-record.ts';
import { fieldsOf, refuseRecord, setField } from '../record-refusal.ts';
import { checkFields, entriesOf, isFieldName } from './config.ts';

/** Transform `rename` `{ fields: { old: new } }`: keeps the order; a missing field is no fault, a clash is. */
export const RENAME_TRANSFORM: ConnectorDefinition<TransformSpec, Transform> = {
  validate({ config }) {
    const check = new ProblemCollector();
    check.mapping(config, 'config', ['fields']);
    checkFields(check, config.fields, 'its new name', (value, path) => {
      if (!isFieldName(value)) check.refuse(path, 'a non-empty field name other than __proto__', value);
    });
    const targets = entriesOf(config.fields).map(([, target]) => target);
    const twice = targets.find((target, index) => targets.indexOf(target) !== index);
    if (twice !== undefined) check.refuse('config.fields', 'a different new name for each field', twice);
    return check.problems;
  },
  create({ config }) {
    const names = new Map(entriesOf(config.fields).map(([name, target]) => [name, String(target)]));
    return {
      apply(record) {
        const result = newRecord();
        for (const [name, value] of Object.entries(fieldsOf(record, 'rename'))) {
          const target = names.get(name) ?? name;
          if (Object.hasOwn(result, target)) throw refuseRecord(`The record has a field ${target} already`);
          setField(result, target, value);
        }
        return result;
      },
    };
  },
};
