import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EmbeddedJournal } from '../../../../src/journals/embedded/journal.ts';
import { WorkerLink } from '../../../../src/journals/embedded/worker-link.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dataflow-link-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A real worker that answers `keys` and dies of anything else. */
function mortalWorker(death: string): URL {
  const file = join(directory, `worker-${Buffer.from(death).toString('hex')}.mjs`);
  writeFileSync(
    file,
    `import { parentPort } from 'node:worker_threads';
     parentPort.on('message', ({ id, request }) => {
       if (request.type === 'keys') parentPort.postMessage({ id, ok: true, value: ['a'] });
       else { ${death} }
     });`,
  );
  return pathToFileURL(file);
}

describe('R1: when the worker dies', () => {
  test.each([
    ['by an error', "throw new Error('out of luck')", /out of luck.*open the journal again/],
    ['by leaving', 'process.exit(3)', /with code 3.*open the journal again/],
  ])('%s, all that waits and all that comes is rejected with a code', async (_, death, message) => {
    let ended = 0;
    const link = new WorkerLink(mortalWorker(death), () => ended++);
    const journal = new EmbeddedJournal(link, {
      directory,
      readOnly: false,
      maxQueuedBytes: 1024 * 1024,
      backup: async () => 0,
    });
    expect(await journal.keys()).toEqual(['a']);
    const appending = journal.append('key', 0, [{ data: {}, tags: [], timestamp: 1 }]);
    await expect(journal.highestSequence('key')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_READ_FAILED' });
    // It was still waiting for its turn, or already on its way.
    await expect(appending).rejects.toMatchObject({ code: expect.stringMatching(/JOURNAL_(APPEND_FAILED|CLOSED)$/) });
    await expect(journal.keys()).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_CLOSED',
      message: expect.stringMatching(message),
    });
    await expect(journal.append('key', 0, [{ data: {}, tags: [], timestamp: 1 }])).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_CLOSED',
    });
    await journal.close();
    expect(ended).toBe(1);
  });

  test('a write that is on its way has failed, with its outcome unknown', async () => {
    const link = new WorkerLink(mortalWorker('process.exit(1)'), () => {});
    await expect(link.request({ type: 'write', operations: [] })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
      disposition: 'retry',
    });
    await link.terminate();
  });
});
