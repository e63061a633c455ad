import { EXIT } from './failure.ts';
import type { Terminal } from './terminal.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** One Ctrl-C reaches a child of npm twice: from the terminal, and passed on by npm. */
const ONE_KEY_PRESS_MS = 300;

export interface Interruption {
  /** Resolves at the first SIGINT or SIGTERM; the second ends the process at once. */
  readonly signal: Promise<'interrupted'>;
  dispose(): void;
}

export function onInterrupt(terminal: Terminal): Interruption {
  let interruptedAt: number | undefined;
  let handle: () => void = () => {};
  const signal = new Promise<'interrupted'>((resolve) => {
    handle = () => {
      if (interruptedAt !== undefined) {
        if (performance.now() - interruptedAt < ONE_KEY_PRESS_MS) return;
        terminal.err('stopped at once; the next run goes on from the last checkpoint\n');
        process.exit(EXIT.interrupted);
      }
      interruptedAt = performance.now();
      resolve('interrupted');
    };
  });
  for (const name of SIGNALS) process.on(name, handle);
  return {
    signal,
    dispose: () => {
      for (const name of SIGNALS) process.off(name, handle);
    },
  };
}
