import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { INSTRUMENTS } from '../../src/metrics/names.ts';
import { DATASOURCE } from './panels.ts';
import { select } from './promql.ts';

/** On every dashboard: the links between them list what carries it. */
const TAG = 'dataflow';

export interface Row {
  readonly title: string;
  readonly panels: readonly Builder<Panel>[];
}

export const row = (title: string, ...panels: readonly Builder<Panel>[]): Row => ({ title, panels });

export interface DashboardSpec {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly rows: readonly Row[];
}

/** In the schema that Grafana reads from provisioned files, variables, links and annotations included. */
export function dashboard(spec: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(`Dataflow / ${spec.title}`)
    .uid(spec.uid)
    .description(spec.description)
    .tags([TAG, ...spec.tags])
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .readonly()
    .variables(variables())
    .annotations(annotations())
    .link(
      new DashboardLinkBuilder('Dataflow')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .includeVars(true)
        .keepTime(true),
    );
  for (const { title, panels } of spec.rows) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const built = builder.build();
  // Links to a single panel name it by its number.
  built.panels?.forEach((panel, index) => {
    panel.id = index + 1;
  });
  // Left in the SDK's default place, the links would be hidden in a menu.
  for (const link of built.links ?? []) delete link.placement;
  return built;
}

function variables() {
  const { series: buildInfo } = INSTRUMENTS.buildInfo;
  const { series: state } = INSTRUMENTS.pipelineState;
  return [
    new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    labelValues('job', 'Job', buildInfo),
    // A process that is down has no build info any more, one that pushes has no `up`.
    anyOf(labelValues('instance', 'Instance', `{__name__=~"up|${buildInfo}",job="$job"}`)),
    anyOf(labelValues('pipeline_id', 'Pipeline', `${state}{job="$job",instance=~"$instance"}`)),
  ];
}

function labelValues(label: string, title: string, series: string): QueryVariableBuilder {
  const query = `label_values(${series}, ${label})`;
  return new QueryVariableBuilder(label)
    .label(title)
    .datasource(DATASOURCE)
    .query({ qryType: 1, query, refId: `variable-${label}` })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

/** Several or all; `.*` for all keeps the query short however many there are. */
function anyOf(variable: QueryVariableBuilder): QueryVariableBuilder {
  return variable
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}

function annotations(): AnnotationQueryBuilder[] {
  return [
    // Alerts about a process have no pipeline, those about a pipeline no instance: each matcher lets its absence pass.
    annotation(
      'Alerts',
      'orange',
      'ALERTS{alertstate="firing",job="$job",instance=~"$instance|",pipeline_id=~"$pipeline_id|"}',
    )
      .titleFormat('{{alertname}}')
      .textFormat('{{pipeline_id}} {{instance}}')
      .tagKeys('severity'),
    // From the state and not from the counter of transitions: this one also shows for how long, and survives a restart.
    annotation('Failed pipelines', 'red', `${select('pipelineState', { where: 'state="failed"' })} == 1`)
      .titleFormat('{{pipeline_id}} failed')
      .textFormat('on {{instance}}')
      .tagKeys('state'),
  ];
}

function annotation(name: string, color: string, expression: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(DATASOURCE)
    .enable(true)
    .hide(false)
    .iconColor(color)
    .expr(expression)
    .step('15s');
}
