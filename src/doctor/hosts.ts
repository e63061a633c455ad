import { hostname, networkInterfaces } from 'node:os';

export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?|0\.0\.0\.0|\[?::\]?)$/i.test(host);
}

/** Whether the host is this machine, under any of its names and addresses. */
export function isHere(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (isLoopback(bare)) return true;
  const own = hostname().toLowerCase();
  if (bare === own || bare === own.split('.')[0]) return true;
  return Object.values(networkInterfaces()).some((entries) => entries?.some(({ address }) => address === bare));
}
