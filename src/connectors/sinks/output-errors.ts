import { DataflowError } from '../../errors.ts';
import { fileFailure } from '../file-failure.ts';

/** What an output file cannot do, said with the remedy. */
export function failure(error: unknown, path: string): Error {
  return fileFailure(error, 'Writing', path, 'DATAFLOW_ERR_SINK_UNWRITABLE', 'DATAFLOW_ERR_SINK_UNWRITABLE');
}

export function unwritable(path: string, why: string, remedy: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_SINK_UNWRITABLE', `Writing ${path} failed: ${why}. ${remedy}`, {
    details: { path },
  });
}

export function exists(path: string): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_SINK_EXISTS',
    `${path} exists and is not empty. Move it away, choose another path, or set the option ifExists to overwrite.`,
    { details: { path } },
  );
}

export function changed(path: string, committed: number, size: number | undefined): DataflowError {
  const found = size === undefined ? 'it is gone' : `it has only ${size}`;
  return new DataflowError(
    'DATAFLOW_ERR_SINK_CHANGED',
    `${path} must hold the ${committed} bytes that this pipeline has committed, but ${found}. Put the file back, or remove ` +
      'the pipeline to write everything anew.',
    { details: { path, committedBytes: committed, ...(size !== undefined && { bytes: size }) } },
  );
}
