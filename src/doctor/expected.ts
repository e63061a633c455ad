import { INSTRUMENT_LIST, INSTRUMENTS, type InstrumentDefinition } from '../metrics/names.ts';
import { instrumentFilter } from '../telemetry/instrument-filter.ts';
import type { TelemetryConfig } from '../telemetry/telemetry-config.ts';
import type { Exposition } from './exposition.ts';

/** Without attributes, and yet there is a time or a machine without them. */
const MAY_BE_ABSENT: readonly string[] = [
  // Linux only.
  INSTRUMENTS.threads.name,
  // A process that records to the provider of a host application has none of its own storage to tell of.
  INSTRUMENTS.metricsSeries.name,
  INSTRUMENTS.metricsOverflow.name,
];

/** What a pipeline has from its beginning, at 0 before anything happens. */
const OF_EVERY_PIPELINE: readonly InstrumentDefinition[] = [
  INSTRUMENTS.stateTransitions,
  INSTRUMENTS.batchesProcessed,
  INSTRUMENTS.batchesTimeouts,
  INSTRUMENTS.recordsProcessed,
  INSTRUMENTS.recordsFailed,
  INSTRUMENTS.checkpointUpdates,
  INSTRUMENTS.batchesDeduplicated,
  INSTRUMENTS.pipelineState,
  INSTRUMENTS.recordsThroughput,
  INSTRUMENTS.batchesInflight,
];

export const DOCUMENTED: ReadonlyMap<string, InstrumentDefinition> = new Map(
  INSTRUMENT_LIST.map((definition) => [definition.series, definition]),
);

/** Whether a process of this configuration exposes the instrument at all. */
function isConfigured(config: TelemetryConfig): (definition: InstrumentDefinition) => boolean {
  const wanted = instrumentFilter(config.filter);
  return ({ name, group }) => {
    // The endpoint does not say whether the process shares its pipelines.
    if (!wanted(name) || group === 'cluster') return false;
    if (name === INSTRUMENTS.cpuUsage.name) return config.process.enabled;
    if (group === 'actor') return config.actors.enabled;
    return group !== 'runtime' || config.runtime.enabled;
  };
}

/** What must be exposed now: what needs no event, and with pipelines what each of them has from its beginning. */
export function requiredInstruments(exposition: Exposition, config: TelemetryConfig): readonly InstrumentDefinition[] {
  const always = INSTRUMENT_LIST.filter(
    ({ name, kind, attributes }) =>
      name === INSTRUMENTS.buildInfo.name ||
      (attributes.length === 0 && kind !== 'histogram' && !MAY_BE_ABSENT.includes(name)),
  );
  return [...always, ...(hasPipelines(exposition) ? OF_EVERY_PIPELINE : [])].filter(isConfigured(config));
}

function hasPipelines({ families }: Exposition): boolean {
  const { pipelineState, pipelinesRunning, pipelinesStopped, pipelinesPaused, pipelinesFailed } = INSTRUMENTS;
  if ((families.get(pipelineState.series)?.samples.length ?? 0) > 0) return true;
  return [pipelinesRunning, pipelinesStopped, pipelinesPaused, pipelinesFailed].some(({ series }) =>
    families.get(series)?.samples.some(({ value }) => value > 0),
  );
}
