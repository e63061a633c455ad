import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { journalError } from '../../../../src/journals/embedded/sqlite-errors.ts';

const sqlite = (errcode: number) => Object.assign(new Error('engine says'), { errcode });

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dataflow-errors-'));
});
afterAll(() => {
  // The probe for room has left nothing behind.
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});

describe('a failure of the engine', () => {
  test.each([
    ['SQLITE_FULL', sqlite(13), 'DATAFLOW_ERR_JOURNAL_FULL'],
    ['a write error on a disk with room', sqlite(778), 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED'],
    ['SQLITE_CORRUPT_INDEX', sqlite(779), 'DATAFLOW_ERR_JOURNAL_CORRUPT'],
    ['SQLITE_NOTADB', sqlite(26), 'DATAFLOW_ERR_JOURNAL_FOREIGN'],
    ['a busy database', sqlite(5), 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED'],
    ['something unheard of', new TypeError('engine says'), 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED'],
  ])('%s gets its code', (_, failure, code) => {
    const error = journalError(failure, directory, 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
    expect(error).toMatchObject({ code, cause: failure, details: { path: directory } });
  });

  test('that has a code keeps it', () => {
    const first = journalError(sqlite(13), directory, 'DATAFLOW_ERR_JOURNAL_READ_FAILED');
    expect(journalError(first, directory, 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED')).toBe(first);
  });
});
