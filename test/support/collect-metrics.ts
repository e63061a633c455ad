import { prometheusText } from '../../src/server/prometheus-text.ts';
import { createTelemetry, type Telemetry } from '../../src/telemetry/start-telemetry.ts';
import {
  DEFAULT_TELEMETRY_CONFIG,
  mergeTelemetryConfig,
  type TelemetryOverrides,
} from '../../src/telemetry/telemetry-config.ts';
import { type Family, parsePrometheus } from './prometheus-parser.ts';

/** Telemetry with nothing but what a test records. */
export function quietTelemetry(overrides: TelemetryOverrides = {}): Telemetry {
  const config = mergeTelemetryConfig(
    DEFAULT_TELEMETRY_CONFIG,
    { runtime: { enabled: false }, process: { enabled: false }, host: { groups: [] } },
    overrides,
  );
  return createTelemetry({ config });
}

/** The chunks of an exposition, copied: all of them are the same memory. */
export function textChunks(...of: Parameters<typeof prometheusText>): string[] {
  return Array.from(prometheusText(...of), String);
}

export function expositionText(...of: Parameters<typeof prometheusText>): string {
  return textChunks(...of).join('');
}

export async function scrape(telemetry: Telemetry): Promise<Map<string, Family>> {
  return parsePrometheus(expositionText(await telemetry.scrape()));
}
