/** The status server without its socket: limits, guard, errors, routes. */

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import fastify, { type FastifyReply, type FastifyRequest, type FastifyServerOptions, type HTTPMethods } from 'fastify';
import { codeOf, DataflowError } from '../../errors.ts';
import { aboutRoutes } from './about-routes.ts';
import { answerTo, isUnexpected } from './api-error.ts';
import { auditOf } from './audit.ts';
import type { App, StatusContext } from './context.ts';
import { type Guard, isWrite } from './guard.ts';
import { metricRoutes } from './metric-routes.ts';
import type { PageFiles } from './page-files.ts';
import { isApiPath, notFound, servePage } from './page-routes.ts';
import { pipelineRoutes } from './pipeline-routes.ts';
import { SCHEMAS } from './schemas.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { validatorOf } from './validation.ts';

const BODY_LIMIT_BYTES = 262_144;
const HEADER_LIMIT_BYTES = 16_384;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;
const MAX_CONNECTIONS = 256;
const LIMIT_WINDOW_MS = 60_000;
const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

type CompilersFactory = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;

/**
 * Given when Fastify is made, since it would else load its own, which takes 25 ms without a turn of the event loop. Its
 * types know Ajv's compilers alone.
 */
const OWN_COMPILERS = { buildValidator: () => validatorOf, buildSerializer: () => () => JSON.stringify };

export interface RequestLimits {
  /** Requests a minute and address. */
  readonly reads: number;
  readonly writes: number;
}

export const DEFAULT_LIMITS: RequestLimits = { reads: 3000, writes: 300 };

export interface StatusAppOptions {
  readonly context: StatusContext;
  readonly guard: Guard;
  readonly files: PageFiles;
  readonly limits: RequestLimits;
}

export async function createStatusApp({ context, guard, files, limits }: StatusAppOptions): Promise<App> {
  const { ports } = context;
  const now = (): number => ports.clock.now();
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { status, body } = answerTo(error, now());
    request.failure = body.code;
    if (isUnexpected(error)) ports.warn(`the status page could not answer ${request.method} ${request.url}`, error);
    if (status === 401) void reply.header('www-authenticate', 'Bearer realm="status page"');
    void reply.headers(SECURITY_HEADERS).header('cache-control', 'no-store').code(status).send(body);
  };
  const app: App = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { maxHeaderSize: HEADER_LIMIT_BYTES, headersTimeout: REQUEST_TIMEOUT_MS },
    routerOptions: { maxParamLength: 300 },
    frameworkErrors: refuse,
    clientErrorHandler: (error, socket) => refuseRaw(socket, error, now()),
    schemaController: { compilersFactory: OWN_COMPILERS as unknown as CompilersFactory },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.decorateRequest('failure', undefined);
  app.setErrorHandler(refuse);
  parseJsonOnly(app);
  for (const [name, schema] of Object.entries(SCHEMAS)) app.addSchema({ $id: name, ...schema });

  // In parts, with a turn of the event loop between them: running pipelines are not to wait for the page.
  await app.register(rateLimit, { global: false });
  await nextTurn();
  const limited = app.createRateLimit({
    timeWindow: LIMIT_WINDOW_MS,
    max: (request) => (isWrite(request.method) ? limits.writes : limits.reads),
    keyGenerator: ({ ip, method }) => `${isWrite(method) ? 'write' : 'read'} ${ip}`,
  });
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(SECURITY_HEADERS).header('cache-control', 'no-store');
    const limit = await limited(request);
    if (!limit.isAllowed && limit.isExceeded) {
      void reply.header('retry-after', String(limit.ttlInSeconds));
      throw new DataflowError('DATAFLOW_ERR_API_RATE_LIMITED', 'Too many requests from your address: wait a minute.');
    }
    const { method, headers, url, is404 } = request;
    // The text of the address does not tell: /%61pi and http://host/api lead to the same route as /api does.
    guard.check({ method, headers, isApi: isWrite(method) || !is404 || isApiPath(url) });
  });
  app.addHook('onSend', async (request, reply) => auditOf(request, reply, guard, context));

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'dataflow-platform',
        version: ports.version,
        description: 'What the status page shows and does. Every answer that is no success is an Error.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Where statusPage.token is set; else nothing.' },
        },
      },
      security: [{ token: [] }, {}],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `schema-${index}`) },
  });
  await nextTurn();
  const urls = new Map<string, Set<HTTPMethods>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = urls.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    urls.set(url, known);
  });
  pipelineRoutes(app, context);
  metricRoutes(app, context);
  aboutRoutes(app, context);
  for (const [url, known] of [...urls]) refuseOtherMethods(app, url, known);
  app.setNotFoundHandler((request, reply) => {
    if (!servePage(files, request, reply)) refuse(notFound(request, files), request, reply);
  });
  await nextTurn();
  await app.ready();
  return app;
}

/** A form of another site can send text and urlencoded bodies, but no JSON. */
function parseJsonOnly(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, {});
    else void parse(request, body, done);
  });
}

function refuseOtherMethods(app: App, url: string, known: ReadonlySet<HTTPMethods>): void {
  const allowed = [...known].join(', ');
  app.route({
    method: METHODS.filter((method) => !known.has(method)) as HTTPMethods[],
    url,
    schema: { hide: true },
    onRequest: async ({ method }, reply) => {
      void reply.header('allow', allowed);
      throw new DataflowError('DATAFLOW_ERR_API_METHOD_NOT_ALLOWED', `${method} is not allowed here: use ${allowed}.`);
    },
    handler: () => {},
  });
}

/** What is no HTTP, or too much of it, never becomes a request. */
function refuseRaw(socket: Socket, error: Error, now: number): void {
  if (codeOf(error) === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const isHuge = codeOf(error) === 'HPE_HEADER_OVERFLOW';
  const refusal = new DataflowError(
    isHuge ? 'DATAFLOW_ERR_API_TOO_LARGE' : 'DATAFLOW_ERR_API_REQUEST_INVALID',
    isHuge
      ? 'The headers are larger than the limit: send less.'
      : 'This is no HTTP request, or it did not come in time.',
  );
  const status = isHuge ? 431 : 400;
  const body = JSON.stringify({ ...answerTo(refusal, now).body, error: STATUS_CODES[status] });
  const headers = Object.entries({
    ...SECURITY_HEADERS,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n${body}`);
}
