/**
 * An owner of keys in PostgreSQL: `lease-child.mjs <plan as JSON>` with `options` (of the journal), `owner`, `keys` and
 * `ttlMs`. With the first line of its standard input it tries to acquire every key until it has them all, and renews them;
 * from the second on it appends to each until it is refused there, or its input ends: then it lets go. Says all that it
 * is told.
 */
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { openPostgresJournal } from '../../dist/journals/postgres/open.js';
import { say } from './support/say.mjs';

const { options, owner, keys, ttlMs } = JSON.parse(process.argv[2]);

const journal = await openPostgresJournal(options);
say({ opened: true });
let told = false;
const lines = createInterface({ input: process.stdin });
lines.on('close', () => {
  told = true;
});
const orders = lines[Symbol.asyncIterator]();
await orders.next();

const missing = new Set(keys);
while (missing.size > 0 && !told) {
  const leases = await journal.leases.acquire([...missing], owner, ttlMs);
  for (const { key } of leases) missing.delete(key);
  say({ acquired: leases.length });
  if (missing.size > 0) await pause(20);
}

let working = true;
async function renew() {
  while (working) {
    await pause(ttlMs / 16);
    const kept = await journal.leases.renew(keys, owner, ttlMs);
    say({ renewed: kept.length });
  }
}

async function writeKey(key) {
  let sequence = await journal.highestSequence(key);
  while (!told) {
    const count = 1 + (sequence % 3);
    const events = Array.from({ length: count }, (_, index) => ({
      data: { owner, number: sequence + 1 + index },
      tags: [],
      timestamp: Date.now(),
    }));
    try {
      await journal.append(key, sequence, events);
      sequence += count;
      say({ key, appended: sequence });
    } catch (error) {
      say({ key, refused: error.code });
      return;
    }
  }
}

if (missing.size === 0) {
  const renewing = renew();
  await orders.next();
  await Promise.all(keys.map(writeKey));
  working = false;
  await renewing;
  await journal.leases.release(keys, owner);
}
await journal.close();
say({ closed: true });
process.stdin.destroy();
