import type { LoadedPipeline } from '../config/pipelines-file.ts';
import { redactText } from '../domain/secrets.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Pipeline } from '../platform/pipeline.ts';
import type { Platform } from '../platform/platform.ts';
import { startPlatform } from '../platform/start.ts';
import { loadFiles } from './check.ts';
import { EXIT, printFailure } from './failure.ts';
import type { GlobalOptions } from './global-options.ts';
import { onInterrupt } from './interrupt.ts';
import { ProgressDisplay } from './progress.ts';
import { configOptions } from './settings.ts';
import { formatCount, formatRate, renderTable, type Terminal } from './terminal.ts';
import { Watch } from './watch.ts';

export interface RunOptions extends GlobalOptions {
  readonly keepServing: boolean;
}

/**
 * Runs the pipelines of the files. What the journal holds of them goes on from its checkpoint; where a file says
 * something else than the journal, the file wins.
 */
export async function runPipelines(files: readonly string[], options: RunOptions, terminal: Terminal): Promise<number> {
  const loaded = await loadFiles(files);
  // A pipeline may own the standard output; then everything for people goes beside it.
  const isOutputTaken = loaded.some(({ spec }) => spec.sink.type === 'stdout' || spec.deadLetter?.type === 'stdout');
  const say = (text: string): void => (isOutputTaken ? terminal.err(text) : terminal.out(text));
  const platform = await startPlatform({
    ...configOptions(options),
    ...(options.config !== undefined && { configFile: options.config }),
    onWarning: (message, error) => terminal.err(`warning: ${message}: ${redactText(messageOf(error))}\n`),
  });
  const interrupted = onInterrupt(terminal);
  const watches: Watch[] = [];
  try {
    if (platform.metricsUrl !== undefined) say(`metrics at ${platform.metricsUrl}\n`);
    if (platform.statusUrl !== undefined) say(`status page at ${platform.statusUrl}\n`);
    const display = { changed: () => {}, end: () => {} } as Pick<ProgressDisplay, 'changed' | 'end'>;
    let unbegun = 0;
    for (const pipeline of loaded) {
      try {
        watches.push(await begin(platform, pipeline, () => display.changed()));
      } catch (error) {
        // One that cannot be recovered or started leaves the others alone.
        unbegun += 1;
        printFailure(terminal, error, options.verbose === true);
      }
    }
    Object.assign(display, displayOf(terminal, say, watches));
    const ended = Promise.all(watches.map((watch) => watch.completed()));
    const first = await Promise.race([ended.then(() => 'ended' as const), interrupted.signal]);
    display.end();
    if (first === 'ended') {
      say(`\n${summaryOf(watches)}`);
      printFailures(watches, options, terminal);
      if (options.keepServing) {
        say(`\n${servingNote(platform)}`);
        await interrupted.signal;
      }
    } else if (first === 'interrupted') {
      terminal.err('stopping: batches in progress are finished; interrupt again to stop at once\n');
    }
    const wasInterrupted = first === 'interrupted';
    await platform.shutdown();
    if (wasInterrupted) {
      say(`\n${summaryOf(watches)}`);
      printFailures(watches, options, terminal);
    }
    if (unbegun > 0 || watches.some(({ failure }) => failure !== undefined)) return EXIT.failed;
    return wasInterrupted ? EXIT.interrupted : EXIT.done;
  } finally {
    for (const watch of watches) watch.end();
    interrupted.dispose();
    await platform.shutdown();
  }
}

function printFailures(watches: readonly Watch[], { verbose }: GlobalOptions, terminal: Terminal): void {
  for (const { failure } of watches) if (failure !== undefined) printFailure(terminal, failure, verbose === true);
}

function displayOf(terminal: Terminal, say: (text: string) => void, watches: readonly Watch[]) {
  const display = new ProgressDisplay(terminal, say, () => watches.map((watch) => watch.line()));
  return { changed: () => display.changed(), end: () => display.end() };
}

/** Brings a pipeline to `running`, from whatever state the journal has left it in. */
async function begin(platform: Platform, { spec }: LoadedPipeline, onStatus: () => void): Promise<Watch> {
  const pipeline = await spawn(platform, spec);
  const state = await pipeline.state();
  const watch = new Watch(pipeline, state, onStatus);
  try {
    if (state.status === 'failed') await pipeline.reset();
    if (state.status === 'paused') await pipeline.resume();
    else if (state.status !== 'running') await pipeline.start();
    return watch;
  } catch (error) {
    // Its owner starts it; this process follows it, and goes on with it when it comes here.
    if (codeOf(error) === 'DATAFLOW_ERR_PIPELINE_ELSEWHERE') return watch;
    watch.end();
    throw error;
  }
}

async function spawn(platform: Platform, spec: LoadedPipeline['spec']): Promise<Pipeline> {
  try {
    return await platform.spawnPipeline(spec);
  } catch (error) {
    if (codeOf(error) !== 'DATAFLOW_ERR_PIPELINE_CONFLICT') throw error;
  }
  const pipeline = platform.pipeline(spec.id);
  const { status } = await pipeline.state();
  if (status === 'failed') await pipeline.reset();
  if (status === 'running' || status === 'paused') await pipeline.stop('its specification changed');
  await pipeline.updateConfig(spec);
  return pipeline;
}

function servingNote({ metricsUrl, statusUrl }: Platform): string {
  const what = metricsUrl === undefined ? 'no metrics endpoint is enabled' : `serving metrics at ${metricsUrl}`;
  const page = statusUrl === undefined ? '' : `; status page at ${statusUrl}`;
  return `every source has ended; ${what}${page}; Ctrl-C ends\n`;
}

function summaryOf(watches: readonly Watch[]): string {
  const rows = watches.map((watch) => ({ ...watch.line(), state: watch.state }));
  return renderTable(
    [
      { title: 'pipeline', value: (row) => row.id },
      { title: 'state', value: (row) => row.status },
      {
        title: 'batches',
        align: 'right',
        value: ({ state }) => (state.status === 'empty' ? '0' : formatCount(state.metrics.totalBatchesProcessed)),
      },
      { title: 'records', align: 'right', value: (row) => formatCount(row.records) },
      { title: 'failed', align: 'right', value: (row) => formatCount(row.failed) },
      { title: 'retries', align: 'right', value: (row) => formatCount(row.retries) },
      { title: 'rate', align: 'right', value: (row) => formatRate(row.perSecond) },
      { title: 'note', value: (row) => row.note },
    ],
    rows,
  );
}
