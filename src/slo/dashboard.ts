import { RECORDS, ratioRecord } from './objective.ts';

/** The data source that the variable of the same name chooses. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana.
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;
const SELECTED = '{job="$job",pipeline_id=~"$pipeline_id"}';

interface Query {
  readonly expr: string;
  readonly legend: string;
}

interface Step {
  readonly color: string;
  readonly value: number | null;
}

interface Panel {
  readonly type: 'stat' | 'timeseries';
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly width: number;
  readonly steps: readonly Step[];
  readonly queries: readonly Query[];
  readonly min?: number;
  readonly max?: number;
}

const labelled = (record: string): string => `max by (pipeline_id, slo) (${record}${SELECTED})`;

const objective = labelled(RECORDS.objective);

const burnRate = (window: string): Query => ({
  expr: `${labelled(ratioRecord(window))} / (1 - ${objective})`,
  legend: `{{slo}} over ${window}`,
});

const plain: readonly Step[] = [{ color: 'text', value: null }];

const PANELS: readonly Panel[] = [
  {
    type: 'stat',
    title: 'Error budget left',
    description: 'Of what may go wrong over the window of the objective; below 0 % the promise is broken.',
    unit: 'percentunit',
    width: 6,
    steps: [
      { color: 'red', value: null },
      { color: 'orange', value: 0 },
      { color: 'green', value: 0.25 },
    ],
    queries: [{ expr: labelled(RECORDS.budgetRemaining), legend: '{{slo}}' }],
  },
  {
    type: 'timeseries',
    title: 'Error budget left over time',
    description: 'It recovers as what went wrong leaves the window of the objective.',
    unit: 'percentunit',
    width: 6,
    max: 1,
    steps: plain,
    queries: [{ expr: labelled(RECORDS.budgetRemaining), legend: '{{slo}}' }],
  },
  {
    type: 'timeseries',
    title: 'Burn rate',
    description: 'At 1 the budget lasts exactly its window. An alert pages from 14.4 over 1 h and from 6 over 6 h.',
    unit: 'none',
    width: 6,
    min: 0,
    steps: [
      { color: 'green', value: null },
      { color: 'orange', value: 1 },
      { color: 'red', value: 6 },
    ],
    queries: ['1h', '6h', '3d'].map(burnRate),
  },
  {
    type: 'timeseries',
    title: 'Errors',
    description: 'Share of the events of the last 5 minutes that went wrong, and what the objective allows.',
    unit: 'percentunit',
    width: 6,
    min: 0,
    steps: plain,
    queries: [
      { expr: labelled(ratioRecord('5m')), legend: '{{slo}}' },
      { expr: `1 - ${objective}`, legend: '{{slo}} allowed' },
    ],
  },
];

/**
 * A dashboard for Grafana 12 and later, as JSON: a row of panels, repeated for each pipeline that is selected.
 *
 * @param job what the variable of that name shows at first
 */
export function sloDashboard(job: string): string {
  let x = 0;
  const panels = PANELS.map((panel, index) => {
    const built = { ...panelJson(panel), id: index + 2, gridPos: { x, y: 1, w: panel.width, h: 8 } };
    x += panel.width;
    return built;
  });
  const row = {
    type: 'row',
    id: 1,
    title: 'Objectives of $pipeline_id',
    collapsed: false,
    repeat: 'pipeline_id',
    gridPos: { x: 0, y: 0, w: 24, h: 1 },
    panels: [],
  };
  const dashboard = {
    uid: 'dataflow-slo',
    title: 'Dataflow / Service-level objectives',
    description: 'What each pipeline promises, and how much may still go wrong.',
    tags: ['dataflow', 'slo'],
    schemaVersion: 42,
    timezone: 'browser',
    editable: false,
    graphTooltip: 1,
    refresh: '1m',
    time: { from: 'now-24h', to: 'now' },
    links: [
      {
        title: 'Dataflow',
        type: 'dashboards',
        tags: ['dataflow'],
        asDropdown: false,
        includeVars: true,
        keepTime: true,
      },
    ],
    annotations: { list: [] },
    templating: { list: variables(job) },
    panels: [row, ...panels],
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

function panelJson({ type, title, description, unit, steps, queries, min, max }: Panel) {
  const defaults = {
    unit,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    thresholds: { mode: 'absolute', steps },
    ...(type === 'timeseries' && {
      custom: {
        lineWidth: 1,
        fillOpacity: 8,
        showPoints: 'auto',
        thresholdsStyle: { mode: steps.length > 1 ? 'dashed' : 'off' },
      },
    }),
  };
  const options =
    type === 'stat'
      ? {
          colorMode: 'value',
          graphMode: 'none',
          textMode: 'value_and_name',
          reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        }
      : {
          legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
          tooltip: { mode: 'multi', sort: 'desc' },
        };
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: { defaults, overrides: [] },
    options,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      instant: type === 'stat',
      range: type !== 'stat',
    })),
  };
}

function variables(job: string) {
  const values = (name: string, label: string, query: string) => ({
    type: 'query',
    name,
    label,
    datasource: DATASOURCE,
    query: { qryType: 1, query, refId: `variable-${name}` },
    definition: query,
    refresh: 2,
    sort: 1,
  });
  return [
    { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus' },
    {
      ...values('job', 'Job', `label_values(${RECORDS.objective}, job)`),
      current: { selected: true, text: job, value: job },
    },
    {
      ...values('pipeline_id', 'Pipeline', `label_values(${RECORDS.objective}{job="$job"}, pipeline_id)`),
      multi: true,
      includeAll: true,
      current: { selected: true, text: ['All'], value: ['$__all'] },
    },
  ];
}
