/** The pipelines that are killed: shared by the process that runs them and the test that knows what they must give. */
import { join } from 'node:path';

export const BATCH_RECORDS = 3;
export const FILE_PIPELINES = ['file-ndjson', 'file-gzip'];
export const PUSHED_PIPELINES = ['pushed-ndjson', 'pushed-csv'];

export const pushedRecord = (number) => ({ number, text: `record ${number} ${'é'.repeat(number % 7)}` });

export function specifications(folder, output) {
  const path = (name) => join(output, 'out', name);
  const file = (name) => ({ type: 'file', connectionString: path(name) });
  const flights = join(folder, 'flights.csv');
  return [
    {
      id: 'file-ndjson',
      source: { type: 'file', connectionString: flights, batchSize: 1, options: { types: { delay: 'integer' } } },
      transforms: [{ type: 'filter', config: { expression: 'record.delay > 5' } }],
      sink: file('flights.ndjson'),
      deadLetter: file('rejected.ndjson'),
    },
    {
      id: 'file-gzip',
      source: { type: 'file', connectionString: flights, batchSize: 2 },
      transforms: [{ type: 'map', config: { fields: { route: "record.origin + '-' + record.destination" } } }],
      sink: file('flights.csv.gz'),
    },
    { id: 'pushed-ndjson', source: { type: 'push' }, sink: file('pushed.ndjson') },
    { id: 'pushed-csv', source: { type: 'push' }, sink: file('pushed.csv') },
  ];
}
