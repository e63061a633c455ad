import type { Environment } from '../connectors/environment.ts';
import { describeGot } from '../domain/problem-collector.ts';
import type { Problem } from '../errors.ts';
import { parseAttributes, type ReadVariable } from './environment-text.ts';
import { readOtlpVariables } from './otlp/otlp-environment.ts';
import type { TelemetryOverrides } from './telemetry-config.ts';

export type TelemetryEnvironment =
  | { readonly overrides: TelemetryOverrides; readonly problems?: undefined }
  | { readonly overrides?: undefined; readonly problems: readonly Problem[] };

const YES = ['yes', 'true', 'on', '1'];
const NO = ['no', 'false', 'off', '0'];

/** yes/no, true/false, on/off, 1/0 in any case; undefined for anything else. */
export function parseSwitch(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (YES.includes(word)) return true;
  return NO.includes(word) ? false : undefined;
}

/** A TCP port, 0..65535; undefined for anything else. */
export function parsePort(text: string): number | undefined {
  const trimmed = text.trim();
  const port = /^\d{1,5}$/.test(trimmed) ? Number(trimmed) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}

function parseLine(text: string): string | undefined {
  return /\p{Cc}/u.test(text.trim()) ? undefined : text.trim();
}

/**
 * The settings that KAMON_* and OTEL_* variables hold. Where both are set, KAMON_* wins; an empty variable counts as
 * not set. All problems are returned together, each with the variable's name as its path.
 */
export function telemetryConfigFromEnvironment(env: Environment): TelemetryEnvironment {
  const problems: Problem[] = [];
  const read = (name: string): string | undefined => (env[name]?.trim() ? env[name] : undefined);
  const parsed: ReadVariable = (name, parse, expected) => {
    const text = read(name);
    const value = text === undefined ? undefined : parse(text);
    if (text !== undefined && value === undefined) {
      const got = /HEADERS|ENDPOINT|ATTRIBUTES/.test(name) ? 'something else (hidden)' : describeGot(text, name);
      problems.push({ path: name, expected, got });
    }
    return value;
  };
  const switched = (name: string) => parsed(name, parseSwitch, 'yes, no, true, false, on, off, 1 or 0');
  const port = (name: string) => parsed(name, parsePort, 'a port from 0 to 65535');

  const sdkDisabled = switched('OTEL_SDK_DISABLED');
  const enabled = switched('KAMON_ENABLED') ?? (sdkDisabled === undefined ? undefined : !sdkDisabled);
  const otelPort = port('OTEL_EXPORTER_PROMETHEUS_PORT');
  const prometheusPort = port('KAMON_PROMETHEUS_PORT') ?? otelPort;
  const line = (name: string) => parsed(name, parseLine, 'a text without control characters');
  const host = line('OTEL_EXPORTER_PROMETHEUS_HOST');
  const resource = parsed('OTEL_RESOURCE_ATTRIBUTES', parseAttributes, 'key=value pairs separated by commas') ?? {};
  const otlp = readOtlpVariables(parsed);
  const otelService = line('OTEL_SERVICE_NAME');
  const service = line('KAMON_SERVICE_NAME') ?? otelService;

  if (problems.length > 0) return { problems };
  return {
    overrides: {
      ...(enabled === undefined ? {} : { enabled }),
      ...(service === undefined ? {} : { service }),
      ...(host === undefined && prometheusPort === undefined
        ? {}
        : {
            prometheus: {
              ...(host === undefined ? {} : { host }),
              ...(prometheusPort === undefined ? {} : { port: prometheusPort }),
            },
          }),
      ...(Object.keys(otlp).length === 0 ? {} : { otlp }),
      ...(Object.keys(resource).length === 0 ? {} : { resource }),
    },
  };
}
