import { spawn } from 'node:child_process';

export interface ChildResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `script` as an ES module in a process of its own; `dist:x/y.js` in it names a compiled file. */
export function runChild(script: string, { flags = [] as readonly string[], env = {} } = {}): Promise<ChildResult> {
  const source = script.replaceAll('dist:', new URL('../../dist/', import.meta.url).href);
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', source], {
    env: { ...process.env, ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}
