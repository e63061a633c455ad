import type { PipelineSpec } from '../../../src/platform/code-parts.ts';

export const BATCH_RECORDS: number;
export const FILE_PIPELINES: readonly string[];
export const PUSHED_PIPELINES: readonly string[];
export function pushedRecord(number: number): { readonly number: number; readonly text: string };
export function specifications(folder: string, output: string): readonly PipelineSpec[];
