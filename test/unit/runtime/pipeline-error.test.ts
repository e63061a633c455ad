import { expect, test } from '@jest/globals';
import { toPipelineError } from '../../../src/runtime/pipeline-error.ts';

test('a thrown object that is no Error keeps its message', () => {
  expect(toPipelineError({ code: 'broken', message: 'by hand' }, 'system')).toMatchObject({
    code: 'BROKEN',
    message: 'by hand',
  });
});

test('what goes into the journal of an error holds no secret', () => {
  const error = new Error('POST https://me:hunter2@host/ with token=abc123secret failed');
  const text = JSON.stringify(toPipelineError(error, 'sink'));
  expect(text).toContain('https://me:***@host/');
  expect(text).not.toMatch(/hunter2|abc123secret/);
  // A path that was made of a URL has lost a slash.
  expect(toPipelineError(new Error('/srv/postgres:/me:hunter2@host/db'), 'source').message).not.toContain('hunter2');
});
