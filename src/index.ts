export type { NodeRecord } from './cluster/nodes.ts';
export type { Config, ConfigOptions } from './config/config.ts';
export type { ConnectorDefinition } from './connectors/definition.ts';
export { ConnectorRegistry } from './connectors/registry.ts';
export type { PipelineCommand } from './domain/command.ts';
export type { PipelineEvent } from './domain/event.ts';
export type { HealthStatus } from './domain/health.ts';
export type { Json, JsonObject } from './domain/json.ts';
export type {
  FreshnessObjective,
  LatencyObjective,
  PipelineConfig,
  PipelineDefinition,
  RetryPolicy,
  SinkSpec,
  SloInput,
  SloSpec,
  SourceSpec,
  SuccessObjective,
  TransformSpec,
} from './domain/spec.ts';
export type {
  BatchResult,
  Checkpoint,
  Offset,
  PipelineError,
  PipelineMetrics,
  PipelineState,
  PipelineStatus,
} from './domain/state.ts';
export { DataflowError, type Disposition, ERRORS, type ErrorCode, type Problem } from './errors.ts';
export type { EmbeddedJournal } from './journals/embedded/journal.ts';
export {
  type EmbeddedJournalOptions,
  openEmbeddedJournal,
  openEmbeddedJournalReadOnly,
} from './journals/embedded/open.ts';
export { exportJournal } from './journals/export-journal.ts';
export { type ImportResult, importJournal } from './journals/import-journal.ts';
export { createMemoryJournal } from './journals/memory.ts';
export type { CodeSink, CodeSource, CodeTransform, PipelineSpec } from './platform/code-parts.ts';
export type { Health, PipelineSummary } from './platform/health.ts';
export type { HistogramValue, MetricPoint } from './platform/metric-snapshot.ts';
export { MetricsReporter, type MetricsReporterOptions } from './platform/metrics-reporter.ts';
export type { Batch, Pipeline, ReportedError } from './platform/pipeline.ts';
export type { Platform } from './platform/platform.ts';
export type { PlatformMetrics } from './platform/platform-metrics.ts';
export { type PlatformOptions, startPlatform } from './platform/start.ts';
export type {
  RecordMetadata,
  RejectedRecord,
  Sink,
  SinkLease,
  SinkOpenContext,
  Source,
  SourceBatch,
  SourceContext,
  Transform,
  WriteContext,
  WriteResult,
} from './runtime/connector.ts';
export type { PipelineListener } from './runtime/environment.ts';
export type { EventsOptions, RecordedEvent } from './runtime/event-tail.ts';
export type {
  GlobalEvent,
  Journal,
  JournalEvent,
  ReadAllOptions,
  ReadOptions,
  Snapshot,
  SnapshotSelection,
  StoredEvent,
} from './runtime/journal.ts';
export type { AuditEvent } from './server/status/ports.ts';
export { generateSloFiles, type SloFile, type SloFilesOptions, type SloPipeline } from './slo/generate.ts';
