import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach } from '@jest/globals';

// biome-ignore lint/suspicious/noExplicitAny: a line of a child is whatever its role says.
export type Fact = any;

export interface Ended {
  readonly facts: readonly Fact[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly err: string;
}

export interface Child {
  readonly process: ChildProcess;
  readonly facts: readonly Fact[];
  readonly ended: Promise<Ended>;
  /** Resolves with the first fact that matches; rejects where the process ends without one. */
  said(matches: (fact: Fact) => boolean): Promise<Fact>;
  kill(signal?: NodeJS.Signals): void;
}

interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What starts Node.js: a shell with limits, for instance. */
  readonly through?: readonly string[];
}

const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs `test/chaos/<script>`, which prints one JSON value a line. It is gone after the test, whatever happens. */
export function startChild(
  script: string,
  args: readonly string[],
  { env = {}, through = [] }: ChildOptions = {},
): Child {
  const [command, ...rest] = [...through, process.execPath, join(import.meta.dirname, '..', script), ...args];
  const child = spawn(command as string, rest, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  running.add(child);
  const facts: Fact[] = [];
  const onFact = new Set<(fact: Fact) => void>();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const fact = parse(line);
    if (fact === undefined) return;
    facts.push(fact);
    for (const listener of onFact) listener(fact);
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.on('error', () => {});
  const ended = Promise.all([once(child, 'close'), once(lines, 'close')]).then(([[code, signal]]) => {
    running.delete(child);
    return { facts, code, signal, err } as Ended;
  });
  return {
    process: child,
    facts,
    ended,
    said: (matches) =>
      new Promise((resolve, reject) => {
        const settle = (fact: Fact): void => {
          if (!matches(fact)) return;
          onFact.delete(settle);
          resolve(fact);
        };
        onFact.add(settle);
        for (const fact of facts) settle(fact);
        void ended.then(({ code, signal }) =>
          reject(
            new Error(
              `the child ended (${code ?? signal}) without the fact waited for: ${JSON.stringify(facts.slice(-5))} ${err}`,
            ),
          ),
        );
      }),
    kill: (signal = 'SIGKILL') => {
      child.kill(signal);
    },
  };
}

/** The last line of a process that was killed may be half a line. */
function parse(line: string): Fact | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
