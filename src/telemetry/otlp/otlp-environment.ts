import { parseAttributes, type ReadVariable } from '../environment-text.ts';
import { OTLP_COMPRESSIONS, OTLP_PROTOCOLS, OTLP_TEMPORALITIES, type OtlpConfig } from './otlp-config.ts';

/**
 * The settings that OTEL_* variables hold; what is set for metrics alone wins. To the endpoint of all signals the path
 * of metrics is added, the one of metrics is taken as it is.
 */
export function readOtlpVariables(read: ReadVariable): Partial<OtlpConfig> {
  const either = <T>(name: string, parse: (text: string) => T | undefined, expected: string): T | undefined => {
    const general = read(`OTEL_EXPORTER_OTLP_${name}`, parse, expected);
    return read(`OTEL_EXPORTER_OTLP_METRICS_${name}`, parse, expected) ?? general;
  };
  const base = read('OTEL_EXPORTER_OTLP_ENDPOINT', parseEndpoint, ENDPOINT);
  const endpoint =
    read('OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', parseEndpoint, ENDPOINT) ??
    (base === undefined ? undefined : `${base.replace(/\/$/, '')}/v1/metrics`);
  const exporters = read(
    'OTEL_METRICS_EXPORTER',
    parseExporters,
    'names of exporters, such as otlp,prometheus or none',
  );
  const general = read('OTEL_EXPORTER_OTLP_HEADERS', parseAttributes, HEADERS);
  const own = read('OTEL_EXPORTER_OTLP_METRICS_HEADERS', parseAttributes, HEADERS);
  const found = {
    enabled: exporters?.includes('otlp'),
    protocol: either('PROTOCOL', oneOf(OTLP_PROTOCOLS), OTLP_PROTOCOLS.join(' or ')),
    endpoint,
    headers: general === undefined && own === undefined ? undefined : { ...general, ...own },
    intervalMs: read('OTEL_METRIC_EXPORT_INTERVAL', parseMs, MS),
    timeoutMs: either('TIMEOUT', parseMs, MS),
    compression: either('COMPRESSION', oneOf(OTLP_COMPRESSIONS), OTLP_COMPRESSIONS.join(' or ')),
    temporality: read(
      'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
      oneOf(OTLP_TEMPORALITIES),
      OTLP_TEMPORALITIES.join(', '),
    ),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

const ENDPOINT = 'a URL such as http://localhost:4318';
const HEADERS = 'name=value pairs separated by commas';
const MS = 'a number of ms from 100 to 2147483647';

/** An http or https URL, as it was written; undefined for anything else. */
export function parseEndpoint(text: string): string | undefined {
  const trimmed = text.trim();
  return /^https?:\/\/./i.test(trimmed) && URL.canParse(trimmed) ? trimmed : undefined;
}

function parseMs(text: string): number | undefined {
  const ms = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN;
  return ms >= 100 && ms <= 2_147_483_647 ? ms : undefined;
}

function parseExporters(text: string): string[] | undefined {
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  return names.every((name) => /^[\w-]+$/.test(name)) ? names : undefined;
}

function oneOf<T extends string>(choices: readonly T[]): (text: string) => T | undefined {
  return (text) => choices.find((choice) => choice === text.trim().toLowerCase());
}
