import { redactText } from '../domain/secrets.ts';
import { codeOf, describeProblem, messageOf, type Problem } from '../errors.ts';
import type { Terminal } from './terminal.ts';

export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The code, what was wrong, each problem on a line of its own; the stack only where it was asked for. */
export function printFailure(terminal: Terminal, error: unknown, verbose: boolean): void {
  const code = codeOf(error);
  const problems = problemsOf(error);
  const prefix = code === undefined ? 'error' : `error ${code}`;
  if (problems.length > 0) {
    const lines = problems.map((problem) => `  ${redactText(describeProblem(problem))}\n`).join('');
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    terminal.err(`${prefix}: ${count}\n${lines}`);
  } else {
    terminal.err(`${prefix}: ${redactText(messageOf(error))}\n`);
  }
  if (verbose && error instanceof Error && error.stack !== undefined) terminal.err(`${redactText(error.stack)}\n`);
}

function problemsOf(error: unknown): readonly Problem[] {
  if (typeof error !== 'object' || error === null || !('problems' in error)) return [];
  return Array.isArray(error.problems) ? (error.problems as Problem[]) : [];
}
