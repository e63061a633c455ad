import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { startTestPlatform } from '../../src/testing/test-platform.ts';

test('a platform that is logged shows no secret of its settings', async () => {
  const auth = { bearer: { token: 'literal-secret' } };
  const { platform } = await startTestPlatform({ metrics: { prometheus: { enabled: false, auth } } });
  expect(platform.config.metrics.prometheus.auth).toEqual(auth);
  for (const shown of [JSON.stringify(platform), inspect(platform, { depth: 10 })]) {
    expect(shown).not.toContain('literal-secret');
  }
  await platform.shutdown();
});
