import fc from 'fast-check';

/**
 * The same cases in every run, so that a failure is a change of the code; `FC_SEED=random` or a number looks at others.
 */
const { FC_SEED = '20261122' } = process.env;
if (FC_SEED !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(FC_SEED) });
