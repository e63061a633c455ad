/**
 * What a CPU profile tells of the metrics, on one platform that has everything on: `metrics-profile.mjs <rounds> <pipelines>`.
 * Prints { cpuMs, profiledMs, collections, callbackMs }, of one round: the CPU of the process without the profile, what the
 * event loop's thread spends in recording and watching (and in the timers that watch), the garbage collections, and the
 * time that one of them takes longer because it is watched, which no profile shows.
 */
import { Session } from 'node:inspector/promises';
import { CollectionLog } from '../dist/telemetry/collection-log.js';
import { interleaved, median } from './measure.mjs';
import { collect, openPlatform, WARM_UP } from './platform-rounds.mjs';

const [rounds, pipelineCount] = process.argv.slice(2).map(Number);
const SAMPLE_MICROS = 100;
const MEASURES = /dist\/(metrics|telemetry)\/|dist\/runtime\/actor-watch/;
const TIMERS = ['processTimers', 'listOnTimeout'];
const PRODUCT = /dist\//;

const { platform, round, close } = await openPlatform({ enabled: true }, pipelineCount);
const collectionsSoFar = async () => {
  const points = (await platform.metrics.snapshot()).filter(({ name }) => name === 'jvm.gc.pause');
  return points.reduce((sum, { value }) => sum + value.count, 0);
};

/** The share of the samples at work that have the metrics on their stack. */
function measuringShare({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const kinds = new Map();
  const visit = (node, above) => {
    const { url, functionName } = node.callFrame;
    const stack = {
      measures: above.measures || MEASURES.test(url),
      timers: above.timers || TIMERS.includes(functionName),
      product: above.product || PRODUCT.test(url),
    };
    const measures = stack.measures || (stack.timers && !stack.product);
    kinds.set(node.id, functionName === '(idle)' ? 'idle' : measures ? 'measuring' : 'other');
    for (const child of node.children ?? []) visit(byId.get(child), stack);
  };
  visit(nodes[0], { measures: false, timers: false, product: false });
  const micros = { idle: 0, measuring: 0, other: 0 };
  for (const [index, id] of samples.entries()) micros[kinds.get(id)] += timeDeltas[index];
  return micros.measuring / (micros.measuring + micros.other);
}

/** Milliseconds of a scavenge as it comes at work: after something else had the caches. */
function scavenge() {
  const others = Array.from({ length: 20_000 }, (_, index) => ({ index, twice: [index, index] }));
  const startedAt = performance.now();
  collect({ type: 'minor' });
  return others.length > 0 ? performance.now() - startedAt : 0;
}

/** How much longer one takes that is watched. */
function callbacks() {
  const times = { watched: [], unwatched: [] };
  for (let turn = 0; turn < 20; turn++) {
    let beat = () => {};
    const log = new CollectionLog(() => {}, {
      onBeat(look) {
        beat = look;
        return () => {};
      },
    });
    for (let number = 0; number < 20; number++) {
      times.watched.push(scavenge());
      beat();
    }
    log.stop();
    // The last one that watched goes with the first.
    scavenge();
    for (let number = 0; number < 20; number++) times.unwatched.push(scavenge());
  }
  return median(times.watched) - median(times.unwatched);
}

await interleaved(WARM_UP, [round]);
const [taken] = await interleaved(rounds, [round]);
const cpu = median(taken.map(([user, system]) => user + system));
// Where the system tells nothing of single threads, all of it: the share is then a little too large.
const main = median(taken.map((round) => round[2])) || cpu;

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROS });
const before = await collectionsSoFar();
await session.post('Profiler.start');
await interleaved(rounds, [round]);
const { profile } = await session.post('Profiler.stop');
const collections = ((await collectionsSoFar()) - before) / rounds;
session.disconnect();
await close();

// The wall time of a sample is no measure of CPU where other threads want the processors too; its share is.
const profiledMs = measuringShare(profile) * main * 1000;
console.log(JSON.stringify({ cpuMs: cpu * 1000, profiledMs, collections, callbackMs: callbacks() }));
