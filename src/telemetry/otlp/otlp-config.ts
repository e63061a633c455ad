export const OTLP_PROTOCOLS = ['http/protobuf', 'grpc'] as const;
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number];

/** `lowmemory`: delta where the instrument adds up its own measurements, cumulative where it observes a total. */
export const OTLP_TEMPORALITIES = ['cumulative', 'delta', 'lowmemory'] as const;
export type OtlpTemporality = (typeof OTLP_TEMPORALITIES)[number];

export const OTLP_COMPRESSIONS = ['none', 'gzip'] as const;
export type OtlpCompression = (typeof OTLP_COMPRESSIONS)[number];

/** Pushing metrics to an OTLP receiver; `metrics.otlp` of the configuration file has the same shape. */
export interface OtlpConfig {
  /** Absent: on when there is an endpoint. */
  readonly enabled?: boolean;
  readonly protocol: OtlpProtocol;
  /**
   * An http(s) URL; over http `v1/metrics` is appended to one that ends with its host or port, while a path, `/` too, is
   * taken as it is. Default: localhost on the protocol's own port, 4318 or 4317.
   */
  readonly endpoint?: string;
  /** Sent with every export. A value may hold `${NAME}`, which is replaced when the first export is sent. Neither
   * protocol lets one set what belongs to the connection, such as `host` or `content-type`. */
  readonly headers: Readonly<Record<string, string>>;
  /** ms between two exports; default: the tick interval. */
  readonly intervalMs?: number;
  /** ms for one try at an export. */
  readonly timeoutMs: number;
  readonly compression: OtlpCompression;
  readonly temporality: OtlpTemporality;
}

export const DEFAULT_OTLP_CONFIG: OtlpConfig = {
  protocol: 'http/protobuf',
  headers: {},
  timeoutMs: 10_000,
  compression: 'none',
  temporality: 'cumulative',
};

export function pushesOtlp(config: OtlpConfig): boolean {
  return config.enabled ?? config.endpoint !== undefined;
}

const DEFAULT_ENDPOINT: Readonly<Record<OtlpProtocol, string>> = {
  'http/protobuf': 'http://localhost:4318',
  grpc: 'http://localhost:4317',
};

/** The URL an exporter sends to: with the signal's path over http, without any path over grpc. */
export function otlpUrl({ protocol, endpoint = DEFAULT_ENDPOINT[protocol] }: OtlpConfig): string {
  const url = new URL(endpoint);
  if (protocol === 'grpc') return `${url.protocol}//${url.host}`;
  if (!/^[a-z]+:\/\/[^/?#]+\//i.test(endpoint.trim())) url.pathname = '/v1/metrics';
  return url.href;
}

/** An http or https URL, as it was written, without user name or password, which would be shown; undefined otherwise. */
export function parseEndpoint(text: string): string | undefined {
  const trimmed = text.trim();
  if (!/^https?:\/\/[^/]/i.test(trimmed) || !URL.canParse(trimmed)) return undefined;
  const { username, password } = new URL(trimmed);
  return username === '' && password === '' ? trimmed : undefined;
}

/** Whether a header can be carried at all; what a protocol refuses of these is known when the telemetry starts. */
export function isSendable(name: string, value: string): boolean {
  return isHeaderName(name) && isHeaderText(value);
}

export function isHeaderName(name: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name);
}

export function isHeaderText(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}
