import { matchesLinear, patternFault } from '../../connectors/expressions/linear-regex.ts';
import { DataflowError } from '../../errors.ts';
import type { App, StatusContext } from './context.ts';
import { type SeriesQuery, shownInstruments, shownNames } from './metric-series.ts';
import { route } from './route.ts';

const DEFAULT_LIMIT = 300;
const MAX_LIMIT = 10_000;
const MAX_LABELS = 20;

interface MetricsQuery {
  readonly name?: string;
  readonly label?: readonly string[];
  readonly regex?: string;
  readonly limit?: number;
}

export function metricRoutes(app: App, { ports, sampler }: StatusContext): void {
  route(app, 'GET', '/api/v1/metrics', {
    summary: 'The metrics with their values, as /metrics shows them',
    answers: { 200: 'Metrics' },
    query: {
      name: { type: 'string', maxLength: 200, description: 'Part of the name of the family or the instrument.' },
      regex: { type: 'string', maxLength: 200, description: 'RE2 expression that one of both names must match.' },
      label: {
        type: 'array',
        items: { type: 'string', maxLength: 500, pattern: '^[a-zA-Z_][a-zA-Z0-9_]*=' },
        maxItems: MAX_LABELS,
        description: 'key=value that a series must have; may repeat.',
      },
      limit: {
        type: 'integer',
        minimum: 1,
        maximum: MAX_LIMIT,
        default: DEFAULT_LIMIT,
        description: 'Series an instrument.',
      },
    },
    handler: async (request) => {
      const query = seriesQuery(request.query as MetricsQuery);
      if (ports.metrics === undefined) return { instruments: [], truncated: false };
      return shownInstruments(await ports.metrics.scrape(), query);
    },
  });

  route(app, 'GET', '/status/metrics', {
    summary: 'The names of the metrics',
    answers: { 200: 'MetricNames' },
    handler: async () => ({ metrics: ports.metrics === undefined ? [] : shownNames(await ports.metrics.scrape()) }),
  });

  route(app, 'GET', '/api/v1/history', {
    summary: 'The last hour of the whole platform and its process',
    answers: { 200: 'History' },
    handler: async () => sampler.history.overview(),
  });
}

function seriesQuery({ name, label = [], regex, limit = DEFAULT_LIMIT }: MetricsQuery): SeriesQuery {
  const fault = regex === undefined ? undefined : patternFault(regex);
  if (fault !== undefined) {
    throw new DataflowError('DATAFLOW_ERR_API_REQUEST_INVALID', `regex is no RE2 expression: ${fault}`, {
      problems: [{ path: 'regex', expected: 'an RE2 expression', got: fault }],
    });
  }
  const part = name?.toLowerCase();
  return {
    limit,
    labels: new Map(label.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
    wants: (instrument, family) =>
      (part === undefined || instrument.toLowerCase().includes(part) || family.toLowerCase().includes(part)) &&
      (regex === undefined || matchesLinear(instrument, regex) || matchesLinear(family, regex)),
  };
}
