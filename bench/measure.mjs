/** Runs `modulePath` with `args` in a process of its own and gives the JSON that it prints last. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export function inProcess(name, args = [], nodeArgs = []) {
  const path = fileURLToPath(new URL(`./${name}`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeArgs, path, ...args.map(String)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out.trim().split('\n').at(-1)));
      else reject(new Error(`${name} ${args.join(' ')} ended with code ${code}`));
    });
  });
}

export const median = (values) => quantile(values, 0.5);

/** `share` of the values, from 0 to below 1, are smaller. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)];
}

/** The mean of the middle half: what single disturbed rounds do not move, and steadier than the median. */
export function midmean(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.slice(Math.floor(sorted.length / 4), Math.ceil((sorted.length * 3) / 4));
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** Half the width of the 95 % interval of the midmean, by drawing from the values again and again (bootstrap). */
export function midmeanError(values, draws = 1000) {
  const drawn = Array.from({ length: draws }, () =>
    midmean(values.map(() => values[Math.floor(Math.random() * values.length)])),
  );
  return (quantile(drawn, 0.975) - quantile(drawn, 0.025)) / 2;
}

/** Each of the functions in turn, `rounds` times, so that a drift of the machine meets all of them. */
export async function interleaved(rounds, functions) {
  const results = functions.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, run] of functions.entries()) results[index].push(await run());
  }
  return results;
}

export const peakMegabytes = () => process.resourceUsage().maxRSS / 1024;
