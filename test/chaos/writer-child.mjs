/**
 * Writes a journal (child-journal.mjs): `writer-child.mjs <plan as JSON>` with `path`, `durability`, `keys`, `bytes` (of an event's text),
 * `sessions` (times it is opened), `appends` (of each key in a session; null: until standard input ends), `acknowledged`
 * (a file).
 * Each append, deletion and snapshot that resolved is a line in that file, written before anything else happens; each
 * refusal a line of standard output. A refused append is tried again until it is taken, as an actor does, and then says so.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openJournal } from './support/child-journal.mjs';
import { eventAt } from './support/deterministic-events.mjs';
import { say } from './support/say.mjs';

const plan = JSON.parse(process.argv[2]);
const acknowledged = openSync(plan.acknowledged, 'a');
const acknowledge = (what, key, sequence) => writeSync(acknowledged, `${what} ${key} ${sequence}\n`);

let told = false;
process.stdin.on('end', () => {
  told = true;
});
process.stdin.resume();

async function untilTaken(work) {
  for (let refused = false; ; refused = true) {
    try {
      const result = await work();
      if (refused) say({ taken: true });
      return result;
    } catch (error) {
      say({ refused: error.code, disposition: error.disposition, message: error.message });
      await pause(5);
    }
  }
}

async function writeKey(journal, key, number) {
  const highest = () => journal.highestSequence(key);
  let sequence = await untilTaken(highest);
  for (let append = 0; plan.appends === null ? !told : append < plan.appends; append++) {
    const events = Array.from({ length: 1 + (append % 3) }, (_, index) =>
      eventAt(key, sequence + 1 + index, plan.bytes),
    );
    await untilTaken(() => journal.append(key, sequence, events));
    sequence += events.length;
    acknowledge('append', key, sequence);
    if (append % 7 === 3) {
      await untilTaken(() => journal.saveSnapshot(key, { sequence, state: { key, sequence }, timestamp: sequence }));
      acknowledge('snapshot', key, sequence);
    }
    if (number === 0 && append % 11 === 5) {
      await untilTaken(() => journal.deleteEvents(key, sequence - 4));
      acknowledge('delete', key, Math.max(0, sequence - 4));
    }
  }
}

for (let session = 0; session < plan.sessions; session++) {
  const journal = await untilTaken(() => openJournal({ path: plan.path, durability: plan.durability }));
  if (session === 0) say({ opened: true });
  await Promise.all(Array.from({ length: plan.keys }, (_, number) => writeKey(journal, `key-${number}`, number)));
  await journal.close();
}
say({ closed: true });
process.stdin.destroy();
