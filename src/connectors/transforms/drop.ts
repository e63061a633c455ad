import { ProblemCollector } from '../../domain/problem-collector.ts';
import type { TransformSpec } from '../../domain/spec.ts';
import type { Transform } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { newRecord } from '../new-record.ts';
import { fieldsOf, setField } from '../record-refusal.ts';

/** Transform `drop` `{ fields: [name] }`: removes fields; a missing one is no fault. */
export const DROP_TRANSFORM: ConnectorDefinition<TransformSpec, Transform> = {
  validate({ config }) {
    const check = new ProblemCollector();
    check.mapping(config, 'config', ['fields']);
    const { fields } = config;
    if (!Array.isArray(fields) || fields.length === 0) {
      check.refuse('config.fields', 'a list of field names', fields);
    } else {
      fields.forEach((name, index) => {
        if (typeof name !== 'string' || name === '') check.refuse(`config.fields.${index}`, 'a field name', name);
      });
    }
    return check.problems;
  },
  create({ config }) {
    const dropped = new Set<unknown>(Array.isArray(config.fields) ? config.fields : []);
    return {
      apply(record) {
        const result = newRecord();
        for (const [name, value] of Object.entries(fieldsOf(record, 'drop'))) {
          if (!dropped.has(name)) setField(result, name, value);
        }
        return result;
      },
    };
  },
};
