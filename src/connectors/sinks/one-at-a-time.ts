const last = new Map<string, Promise<unknown>>();

/**
 * Runs `work` when what was asked for the same key before has come to its end. An opening that took too long is given up
 * and tried again while the first may still be at it, and two of them must not move one file.
 */
export function oneAtATime<T>(key: string, work: () => Promise<T>): Promise<T> {
  const mine = (last.get(key) ?? Promise.resolve()).then(work);
  const settled = mine
    .catch(() => {})
    .then(() => {
      if (last.get(key) === settled) last.delete(key);
    });
  last.set(key, settled);
  return mine;
}
