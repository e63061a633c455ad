import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  PanelBuilder as HeatmapBuilder,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { instanceLink, pipelineLink } from './links.ts';

/** The data source that the variable of the same name chooses. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

const GRID_WIDTH = 24;

export interface Query {
  readonly expression: string;
  /** With the labels as `{{label}}`. */
  readonly legend: string;
}

export const query = (expression: string, legend: string): Query => ({ expression, legend });

/** Colour from each value on; the first holds from the lowest. */
export type Steps = readonly (readonly [
  color: 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'text',
  from?: number,
])[];

export function thresholds(steps: Steps): Builder<ReturnType<ThresholdsConfigBuilder['build']>> {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.map(([color, from]) => ({ color, value: from ?? null })));
}

interface PanelSpec {
  readonly title: string;
  readonly description: string;
  /** An id of Grafana's own units. */
  readonly unit: string;
  /** Columns of the 24. */
  readonly width?: number;
  readonly height?: number;
  readonly min?: number;
  readonly max?: number;
  readonly steps?: Steps;
}

export interface TimeseriesSpec extends PanelSpec {
  readonly queries: readonly Query[];
  readonly stacked?: boolean;
  /** Shown instead of “No data” where that is nothing to worry about. */
  readonly empty?: string;
}

export function timeseries(spec: TimeseriesSpec): Builder<Panel> {
  const { min = 0, steps, stacked = false } = spec;
  const panel = new TimeseriesBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(DATASOURCE)
    .span(spec.width ?? 8)
    .height(spec.height ?? 8)
    .unit(spec.unit)
    .min(min)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 8)
    .showPoints(VisibilityMode.Auto)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .dataLinks(linksOf(spec.queries))
    .targets(
      spec.queries.map(({ expression, legend }, index) =>
        new DataqueryBuilder().refId(refId(index)).expr(expression).legendFormat(legend).range(),
      ),
    );
  if (spec.max !== undefined) panel.max(spec.max);
  if (spec.empty !== undefined) panel.noValue(spec.empty);
  if (stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  if (steps !== undefined) {
    panel
      .thresholds(thresholds(steps))
      .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  }
  return panel;
}

export interface StatSpec extends PanelSpec {
  readonly expression: string;
  /** Shown instead of a number where there is none. */
  readonly noValue?: string;
  /** Names the values where there are several. */
  readonly legend?: string;
  readonly decimals?: number;
  /** The value now, where the expression looks at the whole time range already. */
  readonly instant?: boolean;
  /** The legend instead of the value. */
  readonly nameOnly?: boolean;
}

export function stat(spec: StatSpec): Builder<Panel> {
  const { instant = false, steps = [['text']] } = spec;
  const target = new DataqueryBuilder()
    .refId('A')
    .expr(spec.expression)
    .legendFormat(spec.legend ?? spec.title);
  const panel = new StatBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(DATASOURCE)
    .span(spec.width ?? 4)
    .height(spec.height ?? 4)
    .unit(spec.unit)
    .thresholds(thresholds(steps))
    .colorMode(BigValueColorMode.Value)
    .graphMode(instant ? BigValueGraphMode.None : BigValueGraphMode.Area)
    .textMode(spec.nameOnly ? BigValueTextMode.Name : BigValueTextMode.Auto)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .withTarget(instant ? target.instant() : target.range());
  if (spec.noValue !== undefined) panel.noValue(spec.noValue);
  if (spec.decimals !== undefined) panel.decimals(spec.decimals);
  if (spec.min !== undefined) panel.min(spec.min);
  if (spec.max !== undefined) panel.max(spec.max);
  return panel;
}

export interface StateTimelineSpec extends Omit<PanelSpec, 'min' | 'max' | 'steps'> {
  readonly query: Query;
  readonly mappings: readonly ValueMapping[];
}

export function stateTimeline(spec: StateTimelineSpec): Builder<Panel> {
  return new StateTimelineBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(DATASOURCE)
    .span(spec.width ?? GRID_WIDTH)
    .height(spec.height ?? 8)
    .unit(spec.unit)
    .mappings([...spec.mappings])
    .mergeValues(true)
    .showValue(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .dataLinks(linksOf([spec.query]))
    .withTarget(new DataqueryBuilder().refId('A').expr(spec.query.expression).legendFormat(spec.query.legend).range());
}

export interface HeatmapSpec extends Omit<PanelSpec, 'min' | 'max' | 'steps'> {
  /** Rates by `le`. */
  readonly expression: string;
}

/** How often which value: the unit is that of the buckets. */
export function heatmap(spec: HeatmapSpec): Builder<Panel> {
  return new HeatmapBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(DATASOURCE)
    .span(spec.width ?? 8)
    .height(spec.height ?? 8)
    .unit(spec.unit)
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(spec.unit))
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Blues').exponent(0.5).steps(64))
    .withTarget(
      new DataqueryBuilder()
        .refId('A')
        .expr(spec.expression)
        .format(PromQueryFormat.Heatmap)
        .legendFormat('{{le}}')
        .range(),
    );
}

export function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

/** A line that stands for one pipeline leads to its page, one that stands for a process to that process. */
function linksOf(queries: readonly Query[]) {
  const legends = queries.map(({ legend }) => legend);
  if (legends.every((legend) => legend.includes('{{pipeline_id}}')))
    return [pipelineLink('${__field.labels.pipeline_id}')];
  if (legends.every((legend) => legend.includes('{{instance}}'))) return [instanceLink('${__field.labels.instance}')];
  return [];
}
