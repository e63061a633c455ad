import { expect } from '@jest/globals';
import type { ErrorCode } from '../../../src/errors.ts';
import type { Child } from './child.ts';

/** Waits for so many more refusals of a writer-child.mjs; until then it was refused with these codes alone, to try again. */
export async function expectRefusals(child: Child, count: number, ...codes: ErrorCode[]): Promise<void> {
  const before = child.facts.length;
  let seen = 0;
  await child.said((fact) => {
    if (fact.refused !== undefined && child.facts.indexOf(fact, before) >= before) seen += 1;
    return seen >= count;
  });
  const refusals = child.facts.filter(({ refused }) => refused !== undefined);
  expect(refusals.filter(({ refused, disposition }) => !codes.includes(refused) || disposition !== 'retry')).toEqual(
    [],
  );
}

/** Does what lets it go on, and waits for an append that was refused before and is taken now. */
export async function expectTakenAfter(child: Child, mend: () => void | Promise<void>): Promise<void> {
  const before = child.facts.length;
  await mend();
  await child.said((fact) => fact.taken && child.facts.indexOf(fact, before) >= before);
}
