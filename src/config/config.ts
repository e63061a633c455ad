import type { OtlpConfig } from '../telemetry/otlp/otlp-config.ts';
import type { TelemetryConfig, TelemetryOverrides } from '../telemetry/telemetry-config.ts';

/** What the platform runs with: parsed once, deep-frozen. Durations are ms. */
export interface Config {
  /** The configuration file that was read, or null. */
  readonly file: string | null;
  readonly journal: JournalConfig;
  readonly metrics: TelemetryConfig;
  readonly runtime: RuntimeConfig;
  readonly statusPage: StatusPageConfig;
  readonly cluster: ClusterConfig;
}

export interface ClusterConfig {
  readonly enabled: boolean;
  /** Undefined: host name, process id and a random part. */
  readonly node?: string;
  readonly leaseTimeMs: number;
}

export interface StatusPageConfig {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly retryOnRandomPort: boolean;
  /** May hold `${NAME}`, which is replaced when the server starts. */
  readonly token?: string;
  readonly publicRead: boolean;
}

export interface JournalConfig {
  readonly kind: 'embedded' | 'memory' | 'postgres';
  readonly path: string;
  readonly durability: 'full' | 'relaxed';
  readonly maxBytes?: number;
  /** A secret; `${NAME}` in it is replaced when the journal is opened. */
  readonly url?: string;
  readonly schema: string;
  readonly maxReadConnections: number;
  readonly statementTimeoutMs: number;
}

export interface RuntimeConfig {
  readonly mailboxLimit: number;
  readonly snapshotEvery: number;
  readonly keepSnapshots: number;
  readonly deleteEventsOnSnapshot: boolean;
  readonly prefetchBatches: number;
  readonly shutdownTimeoutMs: number;
  readonly recoveryConcurrency: number;
}

/** What a user may pass in code: the same keys as in the file, all optional. */
export interface ConfigOptions {
  readonly journal?: Partial<Omit<JournalConfig, 'statementTimeoutMs'>> & {
    /** ms, or a text such as `30s`. */
    readonly statementTimeout?: number | string;
  };
  readonly metrics?: Omit<TelemetryOverrides, 'tickIntervalMs' | 'otlp'> & {
    /** ms, or a text such as `10s`. */
    readonly tickInterval?: number | string;
    readonly otlp?: Partial<Omit<OtlpConfig, 'intervalMs' | 'timeoutMs'>> & {
      /** ms, or a text such as `10s`. */
      readonly interval?: number | string;
      readonly timeout?: number | string;
    };
  };
  readonly runtime?: Partial<Omit<RuntimeConfig, 'shutdownTimeoutMs'>> & {
    /** ms, or a text such as `30s`. */
    readonly shutdownTimeout?: number | string;
  };
  readonly statusPage?: Partial<StatusPageConfig>;
  readonly cluster?: Partial<Omit<ClusterConfig, 'leaseTimeMs'>> & {
    /** ms, or a text such as `10s`. */
    readonly leaseTime?: number | string;
  };
}
