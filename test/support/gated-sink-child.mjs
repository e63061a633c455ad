/**
 * A file sink in a thread of its own, as a process of its own would have it: its claims are not those of other threads.
 * It stops before each call that another process could notice or be noticed by, says which it is, and goes on when told
 * to. A listing gives the least that the file system may give: what was there from its beginning to its end.
 */
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

let goOn;
/** As on a file system whose files share blocks. */
let clones = false;
async function gate(call) {
  const going = new Promise((resolve) => {
    goOn = resolve;
  });
  parentPort.postMessage({ at: call });
  await going;
}

const { open, opendir } = fs;
const probe = await open(workerData.probe, 'r');
const handles = Object.getPrototypeOf(probe);
await probe.close();
for (const call of ['stat', 'truncate', 'write', 'read']) {
  const original = handles[call];
  handles[call] = async function gated(...input) {
    await gate(`handle.${call}`);
    return original.apply(this, input);
  };
}
for (const call of ['stat', 'rm', 'rename', 'copyFile', 'open']) {
  const original = fs[call];
  fs[call] = async (...input) => {
    // Folders are opened to be synced, which nobody notices.
    if (input[1] !== 'r') await gate(call);
    return original(...input);
  };
}
const { copyFile } = fs;
fs.copyFile = (from, to, flags) => copyFile(from, to, clones ? 0 : flags);
async function namesIn(folder) {
  const names = [];
  for await (const { name } of await opendir(folder)) names.push(name);
  return names;
}
fs.opendir = async (folder) => {
  await gate('opendir');
  const before = await namesIn(folder);
  await gate('opendir, to its end');
  const after = new Set(await namesIn(folder));
  return before.filter((name) => after.has(name)).map((name) => ({ name }));
};
syncBuiltinESMExports();

const { FILE_SINK } = await import(workerData.sink);
let controller = new AbortController();
const SPEC = { type: 'file', batchSize: 500 };
let sink;
let lease;
let sequence = 0;

const operations = {
  async open(context) {
    sink = FILE_SINK.create({ ...SPEC, ...context.spec });
    lease = context.lease;
    clones = context.clones;
    controller = new AbortController();
    await sink.open({ pipelineId: 'p', ...context, signal: controller.signal });
  },
  write({ records, committed }) {
    const { signal } = controller;
    sequence += 1;
    return sink.write(records, { pipelineId: 'p', batchId: 'b', attempt: 1, committed, sequence, lease, signal });
  },
  close: () => sink.close(),
};

parentPort.on('message', ({ go, abort, operation, input }) => {
  if (abort) controller.abort(Object.assign(new Error('aborted'), { code: 'ABORTED' }));
  if (go) return goOn();
  operations[operation](input).then(
    (result) => parentPort.postMessage({ done: result ?? {} }),
    (error) => parentPort.postMessage({ failed: { code: error.code, message: error.message } }),
  );
});
parentPort.postMessage({ ready: true });
