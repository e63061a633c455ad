import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  type DashboardLinkBuilder,
  type DynamicConfigValue,
  type Panel,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { DATASOURCE, refId, type Steps } from './panels.ts';

/** A column of values, from a query of its own. */
export interface ValueColumn {
  readonly title: string;
  readonly expression: string;
  readonly unit: string;
  readonly decimals?: number;
  readonly steps?: Steps;
  /** True where only the labels of this query matter. */
  readonly hidden?: boolean;
}

/** A column of the values of a label, by which the rows of all queries are joined. */
export interface LabelColumn {
  readonly label: string;
  readonly title: string;
  readonly link?: DashboardLinkBuilder;
  /** Colour of the text by its value. */
  readonly colors?: Readonly<Record<string, string>>;
}

export interface TableSpec {
  readonly title: string;
  readonly description: string;
  readonly labels: readonly LabelColumn[];
  readonly values: readonly ValueColumn[];
  readonly width?: number;
  readonly height?: number;
}

/** One row for each combination of labels; the queries see the present moment. */
export function table(spec: TableSpec): Builder<Panel> {
  const { labels, values } = spec;
  const shown = values.map((column, index) => ({ ...column, field: valueField(values, index) }));
  const panel = new TableBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(DATASOURCE)
    .span(spec.width ?? 24)
    .height(spec.height ?? 9)
    .unit('none')
    .noValue('–')
    .filterable(true)
    .targets(
      values.map(({ expression }, index) =>
        new DataqueryBuilder().refId(refId(index)).expr(expression).format(PromQueryFormat.Table).instant(),
      ),
    )
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(
          ['Time', ...shown.filter(({ hidden }) => hidden).map(({ field }) => field)].map((name) => [name, true]),
        ),
        indexByName: Object.fromEntries(
          [...labels.map(({ label }) => label), ...shown.map(({ field }) => field)].map((name, index) => [name, index]),
        ),
        renameByName: Object.fromEntries([
          ...labels.map(({ label, title }) => [label, title]),
          ...shown.map(({ field, title }) => [field, title]),
        ]),
      },
    });
  for (const column of labels.filter(({ link, colors }) => link ?? colors))
    panel.overrideByName(column.title, labelProperties(column));
  for (const column of values.filter(({ hidden }) => !hidden))
    panel.overrideByName(column.title, valueProperties(column));
  return panel;
}

/** What Grafana calls the values of one of the queries of a table. */
function valueField(values: readonly ValueColumn[], index: number): string {
  return values.length === 1 ? 'Value' : `Value #${refId(index)}`;
}

function labelProperties({ link, colors }: LabelColumn): DynamicConfigValue[] {
  const properties: DynamicConfigValue[] = [];
  if (link !== undefined) properties.push({ id: 'links', value: [link.build()] });
  if (colors !== undefined) {
    const options = Object.fromEntries(Object.entries(colors).map(([value, color]) => [value, { color }]));
    properties.push({ id: 'mappings', value: [{ type: 'value', options }] });
    properties.push({ id: 'custom.cellOptions', value: { type: 'color-text' } });
  }
  return properties;
}

function valueProperties({ unit, decimals, steps }: ValueColumn): DynamicConfigValue[] {
  const properties: DynamicConfigValue[] = [{ id: 'unit', value: unit }];
  if (decimals !== undefined) properties.push({ id: 'decimals', value: decimals });
  if (steps !== undefined) {
    const value = {
      mode: ThresholdsMode.Absolute,
      steps: steps.map(([color, from]) => ({ color, value: from ?? null })),
    };
    properties.push({ id: 'thresholds', value }, { id: 'custom.cellOptions', value: { type: 'color-text' } });
  }
  return properties;
}
