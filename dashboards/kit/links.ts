import { DashboardLinkBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

/** Never changed after a release: bookmarks and the links of alerts hold them. */
export const UIDS = {
  pipelineOverview: 'dataflow-pipeline-overview',
  throughput: 'dataflow-throughput',
  errorsAndRetries: 'dataflow-errors-and-retries',
  systemHealth: 'dataflow-system-health',
  pipelineDetail: 'dataflow-pipeline-detail',
  cluster: 'dataflow-cluster',
} as const;

const COMMON = '${datasource:queryparam}&${job:queryparam}&${__url_time_range}';

/** To the page of one pipeline, on whichever process it lives. `id` is a variable of Grafana's data links. */
export function pipelineLink(id: `\${${string}}`): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Pipeline detail').url(
    `/d/${UIDS.pipelineDetail}?${COMMON}&var-instance=$__all&var-pipeline_id=${encoded(id)}`,
  );
}

/** To the health of one process. */
export function instanceLink(instance: `\${${string}}`): DashboardLinkBuilder {
  return new DashboardLinkBuilder('System health').url(
    `/d/${UIDS.systemHealth}?${COMMON}&var-instance=${encoded(instance)}&var-pipeline_id=$__all`,
  );
}

function encoded(variable: string): string {
  return variable.replace(/\}$/, ':percentencode}');
}
