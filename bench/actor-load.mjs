/** The load of the actor benchmark, the same for both sides. */
export const CONFIG = {
  source: { type: 'push', connectionString: 'push', batchSize: 500, pollIntervalMs: 0, options: {} },
  transforms: [],
  sink: { type: 'null', connectionString: 'null', batchSize: 500, options: {} },
  retry: { maxRetries: 5, initialMs: 1000, maxMs: 30_000, jitter: 0.2 },
  batchTimeoutMs: 300_000,
  operationTimeoutMs: 30_000,
  onInterrupt: 'finish',
};

/**
 * `clientsEach` clients for each target; a client sends its next command when the last is answered. Gives commands a
 * second, after a warm-up of a quarter of them.
 */
export async function driveAll(targets, total, clientsEach, send) {
  const clients = targets.flatMap((target) => Array.from({ length: clientsEach }, () => target));
  const run = async (commands) => {
    const each = Math.ceil(commands / clients.length);
    await Promise.all(
      clients.map(async (target) => {
        for (let i = 0; i < each; i++) await send(target);
      }),
    );
    return each * clients.length;
  };
  await run(total / 4);
  const startedAt = performance.now();
  const sent = await run(total);
  return sent / ((performance.now() - startedAt) / 1000);
}
