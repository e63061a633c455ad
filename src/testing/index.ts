export { given } from './given.ts';
export { JOURNAL_CONTRACT_CASES, journalContract } from './journal-contract.ts';
export { createManualClock, type ManualClock, settle } from './manual-clock.ts';
export { startTestPlatform, type TestPlatform } from './test-platform.ts';
