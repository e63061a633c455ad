/**
 * The suites run the compiled package in dist/, so that worker threads, child processes and
 * the published files are what is tested; only the test files themselves are transformed.
 */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  setupFiles: ['<rootDir>/test/support/property-seed.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: { '^(?:\\.{1,2}/)+src/(.*)\\.ts$': '<rootDir>/dist/$1.js' },
  // Only what hangs fails by time: a loaded machine may be ten times slower than a calm one.
  testTimeout: 180_000,
};
