/** ms to wait before attempt `attempt` (from 0) to connect again: doubles from half a second to ten, a fifth of it by chance. */
export function reconnectDelayMs(attempt: number, random: () => number): number {
  const base = Math.min(10_000, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(base * (0.8 + 0.4 * random()));
}
