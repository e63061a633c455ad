import { DASHBOARDS } from '../../dashboards/index.ts';

export interface Target {
  readonly expr: string;
  readonly refId: string;
  readonly legendFormat?: string;
  readonly format?: string;
  readonly instant: boolean;
}

/** What a dashboard's file holds of a panel, as far as the checks look at it. */
export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string };
    readonly overrides?: readonly {
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}

export interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly panels: readonly PanelJson[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly links: readonly { readonly type: string; readonly tags: readonly string[]; readonly includeVars: boolean }[];
}

/** As Grafana reads them. */
export const dashboards: readonly DashboardJson[] = JSON.parse(JSON.stringify(DASHBOARDS));

/** All but the headings of rows. */
export const panelsOf = ({ panels }: DashboardJson): readonly PanelJson[] =>
  panels.filter(({ type }) => type !== 'row');

export interface PanelQuery {
  /** Dashboard, panel and letter of the query. */
  readonly where: string;
  readonly panel: PanelJson;
  readonly target: Target;
}

export const panelQueries: readonly PanelQuery[] = dashboards.flatMap((board) =>
  panelsOf(board).flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({
      where: `${board.title} / ${panel.title} ${target.refId}`,
      panel,
      target,
    })),
  ),
);

/** With a value for each of Grafana's variables, so that Prometheus can read it. */
export function withValues(expression: string, values: Readonly<Record<string, string>> = {}): string {
  const all: Readonly<Record<string, string>> = {
    __rate_interval: '1m',
    __range: '1h',
    job: 'dataflow-platform',
    instance: '.*',
    pipeline_id: '.*',
    ...values,
  };
  return expression.replaceAll(/\$(\w+)/g, (whole, name: string) => all[name] ?? whole);
}
