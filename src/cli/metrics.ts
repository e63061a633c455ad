import { INSTRUMENT_LIST } from '../metrics/names.ts';
import { renderTable, type Terminal } from './terminal.ts';

export function printMetrics(options: { readonly json?: boolean }, terminal: Terminal): void {
  const rows = INSTRUMENT_LIST;
  if (options.json === true) {
    for (const row of rows) terminal.out(`${JSON.stringify(row)}\n`);
    return;
  }
  terminal.out(
    renderTable(
      [
        { title: 'instrument', value: (row) => row.name },
        { title: 'kind', value: (row) => row.kind },
        { title: 'attributes', value: (row) => row.attributes.join(', ') || '–' },
        { title: 'series', value: (row) => row.series },
        { title: 'meaning', value: (row) => row.description },
      ],
      rows,
    ),
  );
}
