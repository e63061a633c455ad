import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/cli/main.js');

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when the output so far matches; rejects when the process ends before. */
  saw(pattern: RegExp): Promise<RegExpMatchArray>;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: string;
}

/** The environment of a command: this process's own without what would configure the product. */
function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(KAMON|OTEL|DATAFLOW|NODE_OPTIONS)/.test(name));
  return { ...Object.fromEntries(kept), KAMON_PROMETHEUS_PORT: '0', DATAFLOW_STATUS_PAGE_PORT: '0', ...extra };
}

export function startCommand(args: readonly string[], { cwd, env, node = process.execPath }: CommandOptions): Started {
  const child = spawn(node, [MAIN, ...args], { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const finished = once(child, 'close').then(([code, signal]) => ({ code, signal, out, err }) as Finished);
  return {
    child,
    finished,
    saw: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(out + err);
          if (match !== null) resolve(match);
        };
        child.stdout.on('data', look);
        child.stderr.on('data', look);
        look();
        void finished.then(() => reject(new Error(`the process ended without ${pattern}:\n${out}${err}`)));
      }),
  };
}

export function runCommand(args: readonly string[], options: CommandOptions): Promise<Finished> {
  return startCommand(args, options).finished;
}
