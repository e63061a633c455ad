import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import { type Answer, NULL, type StatusTest, startStatusTest } from '../support/status-page.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}
interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let status: StatusTest;
let description: Description;
const ajv = new Ajv2020({ strict: false, allErrors: true });
(addFormats as unknown as (ajv: Ajv2020) => void)(ajv);

beforeAll(async () => {
  const journal = createMemoryJournal();
  await journal.append('broken', 0, [{ data: { type: 'FromTheFuture' }, tags: [], timestamp: 0 }]);
  status = await startStatusTest({
    journal,
    metrics: { runtime: { enabled: true }, host: { groups: ['process.memory'] } },
  });
  const { platform } = status;
  const good = await platform.spawnPipeline({ id: 'good', description: 'works', sink: NULL });
  await good.start();
  await good.ingest({ batchId: '1', records: [1, 2], sourceOffset: 0 });
  const failed = await platform.spawnPipeline({
    id: 'failed',
    sink: { write: () => Promise.reject(Object.assign(new Error('gone'), { code: 'EIO' })) },
  });
  await failed.start();
  await failed.ingest({ batchId: '1', records: [1], sourceOffset: 'cursor' }).catch(() => {});
  await platform.spawnPipeline({ id: 'configured', sink: NULL });
  await status.clock.advance(10_000);
  description = (await status.get('/api/v1/openapi.json')).body;
  ajv.addSchema(description, 'api');
});
afterAll(() => status.close());

const pointer = (...keys: readonly string[]): string =>
  `api#/${keys.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

/** Problems of an answer, compared with what the description says of it. */
function problemsOf(path: string, method: string, answer: Answer): unknown {
  const { responses } = description.paths[path]![method]!;
  const name = String(answer.status) in responses ? String(answer.status) : 'default';
  const content = responses[name]!.content;
  if (content === undefined) return answer.text === '' ? [] : 'an answer where none is described';
  const type = Object.keys(content)[0]!;
  const validate = ajv.compile({ $ref: pointer('paths', path, method, 'responses', name, 'content', type, 'schema') });
  return validate(answer.body) ? [] : validate.errors;
}

test('the description is valid OpenAPI 3.1, and every operation has a name and a summary', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(description) as never);
  expect([valid, errors]).toEqual([true, undefined]);
  expect(description.openapi).toBe('3.1.0');
  const operations = Object.values(description.paths).flatMap((path) => Object.values(path));
  expect(operations.length).toBeGreaterThan(20);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { summary, responses } of operations) {
    expect(summary).toMatch(/^[A-Z].{5,}/);
    expect(Object.keys(responses)).toContain('default');
  }
});

test('its paths are those of the API', () => {
  expect(
    Object.entries(description.paths).flatMap(([path, methods]) => Object.keys(methods).map((one) => `${one} ${path}`)),
  ).toEqual(
    expect.arrayContaining([
      'get /api/v1/pipelines',
      'post /api/v1/pipelines',
      'get /api/v1/pipelines/{id}',
      'put /api/v1/pipelines/{id}',
      'delete /api/v1/pipelines/{id}',
      'get /api/v1/pipelines/{id}/metrics',
      'get /api/v1/pipelines/{id}/history',
      'get /api/v1/pipelines/{id}/events',
      'get /api/v1/pipelines/{id}/health',
      ...['start', 'stop', 'pause', 'resume', 'reset'].map((action) => `post /api/v1/pipelines/{id}/${action}`),
      'get /api/v1/metrics',
      'get /api/v1/history',
      'get /api/v1/events',
      'get /api/v1/cluster',
      'get /api/v1/openapi.json',
      'get /status/settings',
      'get /status/modules',
      'get /status/metrics',
      'get /status/instrumentation',
      'get /health',
    ]),
  );
});

describe('real answers are as described', () => {
  test('of every route that reads', async () => {
    const reads = Object.entries(description.paths).filter(
      ([path, { get }]) => get !== undefined && path !== '/api/v1/events',
    );
    expect(reads.length).toBeGreaterThan(14);
    for (const [path] of reads) {
      const ids = path.includes('{id}') ? ['good', 'failed', 'configured', 'broken', 'nobody'] : [''];
      for (const id of ids) {
        const answer = await status.get(path.replace('{id}', id));
        expect([path, id, problemsOf(path, 'get', answer)]).toEqual([path, id, []]);
      }
      const refused = await status.get(`${path.replace('{id}', 'good')}?nothing=1`);
      expect([path, refused.status, problemsOf(path, 'get', refused)]).toEqual([path, 400, []]);
    }
  });

  test('and others would be noticed', async () => {
    const { body, ...answer } = await status.get('/api/v1/pipelines/good');
    expect(problemsOf('/api/v1/pipelines/{id}', 'get', { ...answer, body: { ...body, state: 'asleep' } })).not.toEqual(
      [],
    );
    expect(problemsOf('/api/v1/pipelines/{id}', 'get', { ...answer, body: { ...body, more: 1 } })).not.toEqual([]);
  });

  test('of every route that writes', async () => {
    const spec = { id: 'made', sink: NULL };
    const asked: [path: string, method: string, id: string, body: unknown, code: number][] = [
      ['/api/v1/pipelines', 'post', '', spec, 201],
      ['/api/v1/pipelines', 'post', '', spec, 200],
      ['/api/v1/pipelines', 'post', '', { ...spec, description: 'another' }, 409],
      ['/api/v1/pipelines', 'post', '', { id: 'bad' }, 400],
      ['/api/v1/pipelines/{id}', 'put', 'made', { ...spec, description: 'another' }, 200],
      ['/api/v1/pipelines/{id}', 'put', 'nobody', spec, 404],
      ['/api/v1/pipelines/{id}/start', 'post', 'made', {}, 200],
      ['/api/v1/pipelines/{id}/pause', 'post', 'made', { reason: 'x' }, 200],
      ['/api/v1/pipelines/{id}/pause', 'post', 'made', { reason: 1 }, 400],
      ['/api/v1/pipelines/{id}/resume', 'post', 'made', {}, 200],
      ['/api/v1/pipelines/{id}/stop', 'post', 'made', {}, 200],
      ['/api/v1/pipelines/{id}/reset', 'post', 'made', {}, 409],
      ['/api/v1/pipelines/{id}/reset', 'post', 'failed', {}, 200],
      ['/api/v1/pipelines/{id}', 'delete', 'made', {}, 204],
      ['/api/v1/pipelines/{id}', 'delete', 'made', {}, 404],
    ];
    for (const [path, method, id, body, code] of asked) {
      const answer = await status.send(method.toUpperCase(), path.replace('{id}', id), body);
      expect([method, path, answer.status, problemsOf(path, method, answer)]).toEqual([method, path, code, []]);
    }
    const writes = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'get')
        .map((method) => `${method} ${path}`),
    );
    expect([...new Set(asked.map(([path, method]) => `${method} ${path}`))].sort()).toEqual(writes.sort());
  });
});
