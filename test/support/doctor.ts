import type { Check } from '../../src/doctor/check.ts';
import { endpointOf } from '../../src/doctor/endpoint.ts';
import { type DoctorOptions, examine } from '../../src/doctor/examine.ts';
import { DEFAULT_TELEMETRY_CONFIG } from '../../src/telemetry/telemetry-config.ts';

export interface Examination extends Partial<Omit<DoctorOptions, 'target' | 'prometheus'>> {
  readonly token?: string;
  readonly prometheus?: string;
}

/** Every check of the endpoint by its name. */
export async function examined(url: string, options: Examination = {}): Promise<ReadonlyMap<string, Check>> {
  const { token, prometheus, ...rest } = options;
  const checks = new Map<string, Check>();
  const all = examine({
    target: endpointOf({ url, option: '--url', token }, {}),
    ...(prometheus !== undefined && { prometheus: endpointOf({ url: prometheus, option: '--prometheus' }, {}) }),
    config: DEFAULT_TELEMETRY_CONFIG,
    version: '0.1.0',
    pauseMs: 0,
    timeoutMs: 60_000,
    ...rest,
  });
  for await (const check of all) {
    if (checks.has(check.check)) throw new Error(`${check.check} is told twice`);
    checks.set(check.check, check);
  }
  return checks;
}

export function withStatus(checks: ReadonlyMap<string, Check>, ...statuses: readonly Check['status'][]): string[] {
  return [...checks.values()].filter(({ status }) => statuses.includes(status)).map(({ check }) => check);
}
