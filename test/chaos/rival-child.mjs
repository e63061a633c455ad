/** Opens the journal in `rival-child.mjs <path>` and appends to one key until it is killed; says what it got. */
import { openEmbeddedJournal } from '../../dist/journals/embedded/open.js';
import { say } from './support/say.mjs';

const [path] = process.argv.slice(2);

try {
  const journal = await openEmbeddedJournal({ path });
  say({ opened: process.pid });
  for (let sequence = (await journal.highestSequence('rivals')) + 1; ; sequence++) {
    await journal.append('rivals', sequence - 1, [{ data: { pid: process.pid }, tags: [], timestamp: sequence }]);
    say({ acknowledged: sequence });
  }
} catch (error) {
  say({ code: error.code, pid: error.details?.pid });
}
