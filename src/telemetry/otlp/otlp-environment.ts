import { parseAttributes, type ReadVariable } from '../environment-text.ts';
import {
  isSendable,
  OTLP_COMPRESSIONS,
  OTLP_PROTOCOLS,
  OTLP_TEMPORALITIES,
  type OtlpConfig,
  parseEndpoint,
} from './otlp-config.ts';

/**
 * The settings that OTEL_* variables hold; what is set for metrics alone wins. To the endpoint of all signals the path
 * of metrics is added, the one of metrics is taken as it is.
 */
export function readOtlpVariables(read: ReadVariable): Partial<OtlpConfig> {
  const either = <T>(name: string, parse: (text: string) => T | undefined, expected: string): T | undefined => {
    const general = read(`OTEL_EXPORTER_OTLP_${name}`, parse, expected);
    return read(`OTEL_EXPORTER_OTLP_METRICS_${name}`, parse, expected) ?? general;
  };
  const base = read('OTEL_EXPORTER_OTLP_ENDPOINT', parseBase, ENDPOINT);
  const endpoint = read('OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', parseWhole, ENDPOINT) ?? base;
  const exporters = read(
    'OTEL_METRICS_EXPORTER',
    parseExporters,
    'names of exporters, such as otlp,prometheus or none',
  );
  const general = read('OTEL_EXPORTER_OTLP_HEADERS', parseHeaders, HEADERS);
  const own = read('OTEL_EXPORTER_OTLP_METRICS_HEADERS', parseHeaders, HEADERS);
  const readerTimeoutMs = read('OTEL_METRIC_EXPORT_TIMEOUT', parseMs, MS);
  const found = {
    enabled: exporters?.includes('otlp'),
    protocol: either('PROTOCOL', oneOf(OTLP_PROTOCOLS), OTLP_PROTOCOLS.join(' or ')),
    endpoint,
    headers: general === undefined && own === undefined ? undefined : { ...general, ...own },
    intervalMs: read('OTEL_METRIC_EXPORT_INTERVAL', parseMs, MS),
    timeoutMs: either('TIMEOUT', parseMs, MS) ?? readerTimeoutMs,
    compression: either('COMPRESSION', oneOf(OTLP_COMPRESSIONS), OTLP_COMPRESSIONS.join(' or ')),
    temporality: read(
      'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
      oneOf(OTLP_TEMPORALITIES),
      OTLP_TEMPORALITIES.join(', '),
    ),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

const ENDPOINT = 'a URL such as http://localhost:4318, without user name and password';
const HEADERS = 'name=value pairs separated by commas, of names and values that a header can hold';
const MS = 'a number of ms from 100 to 2147483647';

/** The endpoint of all signals: the path of metrics follows its own. */
function parseBase(text: string): string | undefined {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) return undefined;
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/metrics`;
  return url.href;
}

/** An endpoint to which nothing is added, so that one without a path means the root. */
function parseWhole(text: string): string | undefined {
  const endpoint = parseEndpoint(text);
  return endpoint === undefined ? undefined : new URL(endpoint).href;
}

function parseHeaders(text: string): Record<string, string> | undefined {
  const headers = parseAttributes(text);
  return Object.entries(headers ?? {}).every(([name, value]) => isSendable(name, value)) ? headers : undefined;
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
