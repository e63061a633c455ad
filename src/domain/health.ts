export type HealthStatus = 'Healthy' | 'Degraded' | 'Critical' | 'Idle';

export interface HealthCounts {
  readonly total: number;
  readonly running: number;
  /** Those included that take no commands in this process. */
  readonly failed: number;
}

/** Critical when more than half as many pipelines failed as run, Degraded when any failed, Idle when there is none, else Healthy. */
export function healthStatusOf({ total, running, failed }: HealthCounts): HealthStatus {
  if (total === 0) return 'Idle';
  if (failed > running / 2) return 'Critical';
  return failed > 0 ? 'Degraded' : 'Healthy';
}
