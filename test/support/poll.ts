/** Asks again until the answer will do; throws with the last one when it never does. */
export async function pollFor<T>(
  ask: () => Promise<T>,
  isEnough: (answer: T) => boolean,
  deadlineMs = 120_000,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (isEnough(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`The last answer was ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
