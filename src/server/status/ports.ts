/** PORTS of the status server: what it shows and steers, filled by the platform. Everything given here may be shown. */
import type { PipelineConfig } from '../../domain/spec.ts';
import type { PipelineState } from '../../domain/state.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Journal } from '../../runtime/journal.ts';
import type { MetricFamily } from '../../telemetry/engine/family.ts';
import type { Exposable } from '../exposed-families.ts';

export interface PipelineView {
  readonly id: string;
  readonly state: PipelineState;
  /** Why the pipeline takes no commands in this process. */
  readonly unavailable: Error | undefined;
}

export type ActionName = 'start' | 'stop' | 'pause' | 'resume' | 'reset';

/** Every method rejects with a coded error; what it resolves with is durable. */
export interface PipelineActions {
  /** @param spec unchecked. Resolves with the id, and whether the pipeline is new. */
  create(spec: Readonly<Record<string, unknown>>): Promise<{ readonly id: string; readonly created: boolean }>;
  updateConfig(id: string, spec: Readonly<Record<string, unknown>>): Promise<void>;
  act(id: string, action: ActionName, reason: string | undefined): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface StatusMetrics {
  /** A complete collection, as the exposition gets it. */
  scrape(): Promise<Exposable>;
  /** The counters and histograms as they stand, without a collection. */
  families(): Iterable<MetricFamily>;
  /** Records per second; undefined for a pipeline without numbers. */
  throughputOf(pipelineId: string): number | undefined;
  /** False for an instrument that the configuration leaves out. */
  records(instrument: string): boolean;
}

export interface SettingView {
  readonly path: string;
  readonly value: unknown;
  readonly default: unknown;
  readonly source: 'default' | 'file' | 'environment' | 'code';
  readonly environment: readonly string[];
  readonly description: string;
}

export interface ModuleView {
  readonly name: string;
  readonly kind: 'reporter' | 'reader' | 'journal' | 'server' | 'instrumentation';
  readonly enabled: boolean;
  readonly description: string;
  readonly state: string;
}

export interface InstrumentationView {
  readonly name: string;
  readonly version: string;
  readonly active: boolean;
  readonly description: string;
}

export interface NodeView {
  readonly node: string;
  readonly address: string | null;
  readonly pipelines: number;
  readonly self: boolean;
  /** `gone`: it has not been heard of for the time of its lease. */
  readonly state: 'up' | 'gone';
}

/** Who asked for what, and what became of it. */
export interface AuditEvent {
  readonly time: string;
  readonly event: 'dataflow.audit';
  /** `token`, or `loopback` where none is needed; `nobody` for a caller that was turned away. */
  readonly who: 'token' | 'loopback' | 'nobody';
  readonly remoteAddress: string;
  readonly action: ActionName | 'create' | 'updateConfig' | 'remove';
  readonly pipelineId: string | null;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
}

export interface StatusPorts {
  readonly clock: Clock;
  readonly version: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  pipelines(): Iterable<PipelineView>;
  pipeline(id: string): PipelineView | undefined;
  /** Who has a pipeline that is not here; undefined where this process would have it. */
  absence(id: string): Promise<Error | undefined>;
  /** True where a pipeline waits for code or secrets that only a caller can give. */
  isDetached(id: string, config: PipelineConfig): boolean;
  readonly actions: PipelineActions;
  readonly journal: Pick<Journal, 'read' | 'highestSequence'>;
  /** Undefined where nothing is measured, or a host application measures. */
  readonly metrics: StatusMetrics | undefined;
  settings(): readonly SettingView[];
  modules(): readonly ModuleView[];
  instrumentation(): readonly InstrumentationView[];
  nodes(): readonly NodeView[];
  /** A copy with secrets hidden. */
  redact(value: unknown): unknown;
  audit(event: AuditEvent): void;
  warn(message: string, error: unknown): void;
}
