import { writeSync } from 'node:fs';

/**
 * Tells the test a fact. Not through a stream: what was said has left the process, whatever comes next. A pipe that is full
 * is waited for.
 */
export function say(fact) {
  let rest = Buffer.from(`${JSON.stringify(fact)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}
