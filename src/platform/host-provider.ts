import type { Meter, MeterProvider } from '@opentelemetry/api';
import type { Found } from '../config/load-config.ts';
import { describeGot } from '../domain/problem-collector.ts';
import { redactText } from '../domain/secrets.ts';
import { messageOf } from '../errors.ts';
import { METER_NAME } from '../metrics/names.ts';
import { packageVersion } from './package-version.ts';

const EXPECTED = 'a MeterProvider of @opentelemetry/api';

/** What is called of a meter. */
const METHODS: readonly (keyof Meter)[] = [
  'createCounter',
  'createHistogram',
  'createObservableCounter',
  'createObservableGauge',
  'addBatchObservableCallback',
  'removeBatchObservableCallback',
];

/**
 * What is wrong with a host application's provider, found before anything records to it: it is asked for the meter of the
 * pipelines once. Undefined is none, which is right.
 */
export function checkMeterProvider(given: unknown): Found {
  const refused = (got: string, cause?: unknown): Found => ({
    problems: [{ path: 'meterProvider', expected: EXPECTED, got }],
    cause,
  });
  if (given === undefined) return { problems: [] };
  try {
    const provider = given as Partial<MeterProvider> | null;
    if (typeof provider?.getMeter !== 'function') return refused(describeGot(given));
    const meter = provider.getMeter(METER_NAME, packageVersion()) as Partial<Meter> | null | undefined;
    const missing = METHODS.filter((name) => typeof meter?.[name] !== 'function');
    return missing.length === 0 ? { problems: [] } : refused(`one whose meter is without ${missing.join(', ')}`);
  } catch (error) {
    return refused(`one whose getMeter throws: ${redactText(messageOf(error))}`, error);
  }
}
