import { text } from './setting-kinds.ts';

export const SERVICE_NAME = 'service.name';

/**
 * OpenTelemetry's attribute of the service is the `metrics.service` of its level, where that level does not say it itself.
 * It leaves the attributes, so that the name is in one place.
 */
export function nameService(levels: readonly Map<string, unknown>[]): void {
  for (const values of levels) {
    const resource = values.get('metrics.resource') as Readonly<Record<string, string>> | undefined;
    if (resource === undefined || !Object.hasOwn(resource, SERVICE_NAME)) continue;
    const { [SERVICE_NAME]: given, ...others } = resource;
    values.set('metrics.resource', others);
    // A variable may hold an empty one, which counts as none.
    const name = text.read(given);
    if (name !== undefined && !values.has('metrics.service')) values.set('metrics.service', name);
  }
}
