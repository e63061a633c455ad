/** The other process of the embedded journal's tests: `node embedded-child.mjs <what> <path>`; one JSON a line out. */
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../../dist/journals/embedded/open.js';

const [what, path] = process.argv.slice(2);
const say = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);
const event = (number) => ({ data: { number, text: 'x'.repeat(200) }, tags: ['child'], timestamp: number });

async function appendForEver(journal, key) {
  for (let sequence = (await journal.highestSequence(key)) + 1; ; sequence += 2) {
    await journal.append(key, sequence - 1, [event(sequence), event(sequence + 1)]);
    say({ key, acknowledged: sequence + 1 });
  }
}

const roles = {
  /** Owns the journal until its input ends. */
  async hold() {
    const journal = await openEmbeddedJournal({ path });
    await journal.append('held', 0, [event(1)]);
    say({ opened: process.pid });
    process.stdin.resume();
    process.stdin.on('end', () => journal.close());
  },
  async open() {
    const journal = await openEmbeddedJournal({ path });
    say({ opened: process.pid });
    await journal.close();
  },
  async look() {
    const journal = await openEmbeddedJournalReadOnly({ path });
    say({ keys: await journal.keys() });
    await journal.close();
  },
  /** Ten writers at once until the process is killed. */
  async write() {
    const journal = await openEmbeddedJournal({ path });
    await Promise.all(Array.from({ length: 10 }, (_, index) => appendForEver(journal, `key-${index}`)));
  },
  /** Never closes: the process has to end by itself, and not before its appends are durable. */
  async leave() {
    const journal = await openEmbeddedJournal({ path });
    for (let number = 1; number <= 500; number++) {
      journal.append('left', number - 1, [event(number)]).then(() => number === 500 && say({ acknowledged: number }));
    }
  },
  /** Appends until it is refused twice running. */
  async fill() {
    const journal = await openEmbeddedJournal({ path });
    for (let number = 1, refusals = 0; refusals < 2; ) {
      try {
        await journal.append('filled', number - 1, [event(number)]);
        say({ acknowledged: number++ });
        refusals = 0;
      } catch (error) {
        say({ code: error.code, disposition: error.disposition });
        refusals++;
      }
    }
    await journal.close();
    say({ closed: true });
  },
};

try {
  await roles[what]();
} catch (error) {
  say({ code: error.code, message: error.message, details: error.details });
}
