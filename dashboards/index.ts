import { cluster } from './cluster.ts';
import { errorsAndRetries } from './errors-and-retries.ts';
import { pipelineDetail } from './pipeline-detail.ts';
import { pipelineOverview } from './pipeline-overview.ts';
import { systemHealth } from './system-health.ts';
import { throughput } from './throughput.ts';

export const DASHBOARDS = [pipelineOverview, throughput, errorsAndRetries, systemHealth, pipelineDetail, cluster];

/** What the repository holds: a file for each dashboard, by its name. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  return new Map(DASHBOARDS.map((board) => [`${board.uid}.json`, `${JSON.stringify(board, null, 2)}\n`]));
}
