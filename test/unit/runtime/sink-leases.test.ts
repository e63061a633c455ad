import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { FILE_SINK } from '../../../src/connectors/sinks/file.ts';
import type { Sink, SinkLease } from '../../../src/runtime/connector.ts';
import { settle } from '../../../src/testing/manual-clock.ts';
import { CONFIG, coded, ingest, Lab, type LabOptions, outcomeOf } from '../../support/lab.ts';
import { temporaryFolder } from '../connectors/support/harness.ts';

const LEASE = { epoch: 7, takeoverEpoch: 5 };

describe('a sink is told under what it writes', () => {
  /** Sinks that note where each call stood: (what, batch, epoch, sequence). */
  function noting(notes: string[], name: string, fail: () => boolean = () => false): Sink {
    return {
      open: ({ lease }) => void notes.push(`${name} opened ${lease?.epoch}/${lease?.takeoverEpoch}`),
      write: (_, { batchId, attempt, sequence, lease }) => {
        notes.push(`${name} ${batchId}#${attempt} ${lease?.epoch}/${lease?.takeoverEpoch} ${sequence}`);
        if (fail()) throw coded('TIMEOUT');
      },
    };
  }

  test('the lease of the actor, asked once, and the number of the BatchIngested event, dead letters included', async () => {
    const notes: string[] = [];
    const asked: string[] = [];
    const failures = [true];
    const spec = CONFIG.sink;
    const lab = new Lab({
      leaseOf: (key) => {
        asked.push(key);
        return asked.length === 1 ? LEASE : { epoch: 8, takeoverEpoch: 8 };
      },
      transforms: [{ apply: (record) => (record === 'bad' ? Promise.reject(new Error('bad')) : record) }],
      connectors: () => ({
        sink: noting(notes, 'sink', () => failures.pop() ?? false),
        deadLetter: noting(notes, 'letters'),
      }),
    });
    const actor = await lab.running('p', { sink: { ...spec, batchSize: 2 }, deadLetter: spec });
    const first = ingest(actor, 'a', [1, 2, 'bad', 3]);
    await lab.clock.advance(1000);
    await first;
    await ingest(actor, 'b', [4]);
    await actor.send({ type: 'PausePipeline', reason: 'x' });
    await actor.send({ type: 'ResumePipeline' });
    await ingest(actor, 'c', [5]);
    const types = await lab.storedTypes('p');
    const [a, b, c] = types.flatMap((type, index) => (type === 'BatchIngested' ? [index + 1] : []));
    expect(notes).toEqual([
      'sink opened 7/5',
      'letters opened 7/5',
      `sink a#1 7/5 ${a}`,
      `sink a#2 7/5 ${a}`,
      `sink a#2 7/5 ${a}`,
      `letters a#2 7/5 ${a}`,
      `sink b#1 7/5 ${b}`,
      'sink opened 7/5',
      'letters opened 7/5',
      `sink c#1 7/5 ${c}`,
    ]);
    expect(asked).toEqual(['p']);
    await lab.stop();
  });

  test('a batch that another process runs again has a higher number; without leases there is none', async () => {
    const notes: string[] = [];
    const lab = new Lab({ connectors: () => ({ sink: noting(notes, 'sink', () => true) }) });
    const actor = await lab.running('p');
    ingest(actor, 'a').catch(() => {});
    await settle();
    const next = lab.next({ connectors: () => ({ sink: noting(notes, 'next') }) });
    const successor = next.runtime.spawn('p');
    await successor.ready;
    await ingest(successor, 'a');
    const numbers = notes.map((note) => Number(note.split(' ').at(-1))).filter((number) => number > 0);
    expect(notes.some((note) => note.includes('undefined/undefined'))).toBe(true);
    expect(numbers).toHaveLength(2);
    expect(numbers[1]).toBeGreaterThan(numbers[0]!);
    await next.stop();
    await lab.stop();
  });

  test('the number is right after an append that was committed and reported as failed', async () => {
    const notes: string[] = [];
    const lab = new Lab({ connectors: () => ({ sink: noting(notes, 'sink') }) });
    const actor = await lab.running('p');
    lab.journal.appendFaults.push({ kind: 'reject-after-commit' });
    const batch = ingest(actor, 'a');
    await lab.clock.advance(1000);
    await batch;
    const ingested = (await lab.storedTypes('p')).indexOf('BatchIngested') + 1;
    expect(notes).toContain(`sink a#1 undefined/undefined ${ingested}`);
    await lab.stop();
  });
});

describe('a pipeline that another process has taken over', () => {
  test.each(['open', 'write'])(
    'a sink is fenced in %s: so is the record of that failure, and the actor ends',
    async (where) => {
      const fence = () => {
        throw coded('DATAFLOW_ERR_SINK_FENCED');
      };
      const lab = new Lab({ leaseOf: () => LEASE, connectors: () => ({ sink: { write: () => {}, [where]: fence } }) });
      lab.journal.alwaysOnAppend = (_, events) =>
        events.some(({ data }) => data.type === 'PipelineFailed')
          ? { kind: 'reject', error: coded('DATAFLOW_ERR_JOURNAL_FENCED') }
          : undefined;
      const actor = await lab.running('p');
      expect(await outcomeOf(ingest(actor, 'a'))).toBe('DATAFLOW_ERR_JOURNAL_FENCED');
      expect(actor.ended).toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_FENCED' });
      expect(await lab.storedTypes('p')).not.toContain('PipelineFailed');
      expect(lab.recorder.types()).not.toContain('PipelineFailed');
      expect(lab.recorder.types()).not.toContain('BatchFailed');
      expect(lab.clock.pending).toBe(0);
      await lab.stop();
    },
  );

  test('both file sinks, that of dead letters included, are claimed and moved by whoever takes over', async () => {
    const folder = temporaryFolder();
    const names = ['out.ndjson', 'letters.ndjson'] as const;
    const [sink, deadLetter] = names.map((name) => ({ ...CONFIG.sink, connectionString: folder.path(name) }));
    const options = (lease: SinkLease): LabOptions => ({
      leaseOf: () => lease,
      transforms: [
        {
          apply: (record) => {
            if (record === 'bad') throw new Error('bad');
            return record;
          },
        },
      ],
      connectors: () => ({ sink: FILE_SINK.create(sink!), deadLetter: FILE_SINK.create(deadLetter!) }),
    });
    const inodes = () => names.map((name) => statSync(folder.path(name)).ino);
    const first = new Lab(options({ epoch: 1, takeoverEpoch: 0 }));
    const actor = await first.running('p', { sink: sink!, deadLetter: deadLetter! });
    await ingest(actor, 'a', [1, 'bad']);
    await first.stop();
    const before = inodes();
    const next = first.next(options({ epoch: 2, takeoverEpoch: 2 }));
    const successor = next.runtime.spawn('p');
    await successor.ready;
    await ingest(successor, 'b', [2, 'bad']);
    expect(successor.state).toMatchObject({ checkpoint: { sink: { bytes: 4, epoch: 2 }, deadLetter: { epoch: 2 } } });
    inodes().forEach((inode, index) => void expect(inode).not.toBe(before[index]));
    const [out, letters] = names.map((name) => readFileSync(folder.path(name), 'utf8'));
    expect(out).toBe('1\n2\n');
    expect(
      letters!
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).batchId),
    ).toEqual(['a', 'b']);
    await next.stop();
    folder.remove();
  });
});
