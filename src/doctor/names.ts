import type { InstrumentDefinition } from '../metrics/names.ts';
import type { TelemetryConfig } from '../telemetry/telemetry-config.ts';
import { type Check, type Fault, failed, listed, ok, warning } from './check.ts';
import { DOCUMENTED, requiredInstruments } from './expected.ts';
import type { Exposition } from './exposition.ts';

const OURS = /^(?:dataflow|nact|jvm|nodejs_eventloop)_|^process_cpu_usage/;

/** Whether every metric has its documented name and type. */
export function names(exposition: Exposition, config: TelemetryConfig): Check {
  const name = 'names';
  const { families } = exposition;
  const found = [...families.keys()];
  if (!isOurs(exposition)) return failed(name, foreign(found));
  const unknown = found.filter((family) => !DOCUMENTED.has(family) && OURS.test(family));
  const missing = requiredInstruments(exposition, config).filter(({ series }) => !families.has(series));
  const renamed = missing.flatMap((definition) => {
    const other = found.find((family) => !DOCUMENTED.has(family) && isVariant(family, definition));
    return other === undefined ? [] : [{ definition, other }];
  });
  const gone = missing.filter((definition) => !renamed.some((entry) => entry.definition === definition));
  const retyped = found.flatMap((family) => {
    const kind = DOCUMENTED.get(family)?.kind;
    const type = families.get(family)!.type;
    return kind === undefined || kind === type ? [] : [`${family} is ${type}, documented ${kind}`];
  });
  const others = unknown.filter((family) => !renamed.some(({ other }) => other === family));

  const faults: Fault[] = [];
  if (renamed.length > 0) {
    faults.push({
      seen: `renamed: ${listed(renamed.map(({ definition, other }) => `${other} (documented: ${definition.series})`))}`,
      remedy:
        'a metric_relabel_config, a collector that adds a prefix or leaves suffixes out, or another version of the platform renames them: the documented queries, alerts and dashboards find nothing',
    });
  }
  if (gone.length > 0) {
    faults.push({
      seen: `missing: ${listed(gone.map(({ series }) => series))}`,
      remedy:
        'the process runs with another configuration than this one (metrics.filter, metrics.runtime, metrics.actors: give its file with -c), or something between drops them',
    });
  }
  if (retyped.length > 0) {
    faults.push({
      seen: `other types: ${listed(retyped)}`,
      remedy: 'another library registers the name, or something between rewrites the text: scrape the platform itself',
    });
  }
  if (faults.length > 0) return failed(name, joined(faults));
  if (others.length > 0) {
    return warning(name, {
      seen: `not documented: ${listed(others)}`,
      remedy:
        'no dashboard or alert uses them; are they of another version, or your own? `dataflow metrics` lists ours',
    });
  }
  return ok(name, `${found.filter((family) => DOCUMENTED.has(family)).length} documented metrics, none missing`);
}

/** Whether it is a platform that answers, be its names changed on the way. */
export function isOurs({ families }: Exposition): boolean {
  return [...families.keys()].some((family) => DOCUMENTED.has(family) || /(?:dataflow|nact)_/.test(family));
}

function foreign(found: readonly string[]): Fault {
  return {
    seen: `none of the documented metrics; another exporter answers, with ${listed(found)}`,
    remedy: 'check the port: the platform prints where it serves metrics when it starts',
  };
}

function joined(faults: readonly Fault[]): Fault {
  return {
    seen: faults.map(({ seen }) => seen).join('; '),
    remedy: faults.map(({ remedy }) => remedy).join('; '),
  };
}

const SUFFIX = /_(?:total|seconds|milliseconds|bytes|ratio|count)$/;

/** The same name with a prefix, or with other suffixes for type and unit. */
function isVariant(family: string, { series, name }: InstrumentDefinition): boolean {
  if (family.endsWith(`_${series}`)) return true;
  const bare = (text: string): string => {
    const shorter = text.replace(SUFFIX, '');
    return shorter === text ? text : bare(shorter);
  };
  const roots = [bare(series), name.replaceAll(/[.-]/g, '_')];
  return roots.includes(bare(family)) || roots.some((root) => bare(family).endsWith(`_${root}`));
}
