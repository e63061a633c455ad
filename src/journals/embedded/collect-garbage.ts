import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Collects this thread's garbage now; what it held natively is freed in the next turn of the event loop. */
export function collectGarbage(): void {
  if (collect === undefined) {
    // Contexts made while the flag stands have the function; it is taken back at once, so that no other gets it.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  collect();
}
