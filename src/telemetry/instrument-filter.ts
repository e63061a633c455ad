import { globPattern } from '../metrics/glob.ts';
import type { TelemetryConfig } from './telemetry-config.ts';

/** Whether an instrument of this name is recorded and shown. */
export function instrumentFilter(filter: TelemetryConfig['filter']): (name: string) => boolean {
  const include = filter.include.map((glob) => globPattern(glob, '.'));
  const exclude = filter.exclude.map((glob) => globPattern(glob, '.'));
  return (name) =>
    (include.length === 0 || include.some((pattern) => pattern.test(name))) &&
    !exclude.some((pattern) => pattern.test(name));
}
