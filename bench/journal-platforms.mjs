/** What the journals cost and give whole platforms: the tables of running fleets and of recoveries. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inProcess, interleaved, median } from './measure.mjs';

const thousands = (value) => value.toLocaleString('en-US');

/** The CPU time of a fleet with the journal beside the same fleet with one that does nothing. */
export async function fleetTable(table, { isQuick, rounds }) {
  const pipelines = isQuick ? 10 : 100;
  const rows = [];
  for (const [batchSize, target] of [
    [500, '≤ 10 %'],
    [100, '–'],
  ]) {
    const [journaled, free] = await interleaved(
      rounds,
      ['embedded', 'none'].map((kind) => () => inProcess('fleet.mjs', [kind, pipelines, batchSize])),
    );
    const seconds = (runs) => median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2);
    const share = median(journaled.map((run, round) => 1 - free[round].cpuSeconds / run.cpuSeconds));
    const batches = thousands((pipelines * 20_000) / batchSize);
    rows.push([batchSize, batches, seconds(journaled), seconds(free), `**${(100 * share).toFixed(1)} %**`, target]);
  }
  const head = ['batch size', 'batches', 'CPU, s', 'without a journal, s', "the journal's share", 'target'];
  table(`${pipelines} file pipelines of 20,000 records at once, embedded journal`, head, rows);
}

/** `postgresUrl`: a server that may be written to. */
export async function recoveryTable(table, { isQuick, postgresUrl }) {
  const pipelines = isQuick ? 500 : 10_000;
  const path = mkdtempSync(join(tmpdir(), 'dataflow-bench-recovery-'));
  const rows = [];
  try {
    for (const journal of [
      { kind: 'embedded', path },
      { kind: 'postgres', url: postgresUrl, schema: 'bench_recovery' },
    ]) {
      await inProcess('recovery-many-journal.mjs', [JSON.stringify(journal), pipelines, 5]);
      const runs = [];
      for (let round = 0; round < (isQuick ? 1 : 3); round++) {
        runs.push(await inProcess('recovery-many.mjs', [JSON.stringify(journal), pipelines]));
      }
      rows.push([
        journal.kind,
        `${median(runs.map(({ seconds }) => seconds)).toFixed(1)} s`,
        '≤ 20 s',
        `${Math.max(...runs.map(({ longestBlockMs }) => longestBlockMs)).toFixed(0)} ms`,
        `${Math.max(...runs.map(({ longestOwnMs }) => longestOwnMs)).toFixed(0)} ms`,
        '≤ 50 ms',
        `${Math.round(median(runs.map(({ peakMegabytes }) => peakMegabytes)) * 1.048576)} MB`,
      ]);
    }
  } finally {
    rmSync(path, { recursive: true });
  }
  const head = [
    'journal',
    'started after',
    'target',
    'longest block of the event loop, worst run',
    'of one, its own at most',
    'target',
    'peak memory',
  ];
  table(
    `A platform with its endpoints starts on a journal of ${thousands(pipelines)} pipelines, half of them running`,
    head,
    rows,
  );
}
