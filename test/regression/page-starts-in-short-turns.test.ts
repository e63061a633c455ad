import { expect, test } from '@jest/globals';
import { runChild } from '../support/run-child.ts';

// Fastify loads its own compilers of schemas while it is made: 25 ms in which no pipeline got a turn.
test('the status page starts without the compilers that Fastify would load', async () => {
  const { code, out } = await runChild(`
    import { createRequire } from 'node:module';
    import { startPlatform } from 'dist:index.js';
    const platform = await startPlatform({
      env: {},
      configFile: false,
      journal: { kind: 'memory' },
      metrics: { prometheus: { port: 0 } },
      statusPage: { port: 0 },
    });
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    for (const name of ['fastify/fastify.js', '@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler']) {
      console.log(name, loaded.some((path) => path.includes(name)));
    }
    await platform.shutdown();
  `);
  expect({ code, out }).toEqual({
    code: 0,
    out: 'fastify/fastify.js true\n@fastify/ajv-compiler false\n@fastify/fast-json-stringify-compiler false\n',
  });
});
