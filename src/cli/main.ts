#!/usr/bin/env node
import { runCommandLine } from './program.ts';

// A reader that has seen enough (`dataflow events x | head`) closes the pipe; that is no fault. What runs pipelines
// listens for signals, and stops as it would for one.
let readerIsGone = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (readerIsGone) return;
  readerIsGone = true;
  if (process.listenerCount('SIGTERM') === 0) process.exit(0);
  process.emit('SIGTERM');
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

void runCommandLine(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
