import type { JournalEvent } from './api/contract.ts';
import { formatCount, formatMs, formatValue } from './format.ts';

export type EventTone = 'plain' | 'good' | 'warn' | 'bad';

const TONES: Readonly<Record<string, EventTone>> = {
  PipelineStarted: 'good',
  PipelineResumed: 'good',
  PipelinePaused: 'warn',
  RetryScheduled: 'warn',
  RecordsDeadLettered: 'warn',
  BatchTimedOut: 'bad',
  BatchFailed: 'bad',
  PipelineFailed: 'bad',
};

export const toneOf = ({ type }: JournalEvent): EventTone => TONES[type] ?? 'plain';

/** `BatchTimedOut` reads `batch timed out`. */
export function titleOf(type: string): string {
  const words = type.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

type Fields = Readonly<Record<string, unknown>>;

const errorOf = ({ error }: Fields): string => {
  const { code, message } = (error ?? {}) as Fields;
  return `${formatValue(code)}: ${formatValue(message)}`;
};

const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

const records = (count: unknown): string => `${formatCount(number(count))} ${count === 1 ? 'record' : 'records'}`;

const TEXTS: Readonly<Record<string, (fields: Fields) => string>> = {
  PipelineStopped: ({ reason }) => formatValue(reason),
  PipelinePaused: ({ reason }) => formatValue(reason),
  BatchIngested: ({ recordCount, sourceOffset }) => `${records(recordCount)} from offset ${formatValue(sourceOffset)}`,
  BatchProcessed: ({ successCount, failureCount, processingTimeMs }) => {
    const refused = number(failureCount) ?? 0;
    const rest = refused === 0 ? '' : `, ${formatCount(refused)} refused`;
    return `${records(successCount)} in ${formatMs(number(processingTimeMs))}${rest}`;
  },
  BatchFailed: (fields) => `attempt ${formatValue(fields.attempt)}: ${errorOf(fields)}`,
  BatchTimedOut: ({ timeoutMs }) => `after ${formatMs(number(timeoutMs))}`,
  RetryScheduled: (fields) =>
    `retry ${formatValue(fields.retryCount)} in ${formatMs(number(fields.backoffMs))}, ${errorOf(fields)}`,
  PipelineFailed: errorOf,
  CheckpointUpdated: ({ checkpoint }) => `offset ${formatValue((checkpoint as Fields | undefined)?.offset)}`,
  RecordsDeadLettered: ({ count, errorCode }) => `${records(count)}, ${formatValue(errorCode)}`,
};

/** What happened, in a line; empty where the title says it all. */
export function textOf({ type, event }: JournalEvent): string {
  const describe = TEXTS[type];
  return describe === undefined || typeof event !== 'object' || event === null ? '' : describe(event as Fields);
}
