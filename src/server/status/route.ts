import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { App } from './context.ts';
import type { AuditEvent } from './ports.ts';
import { ref, type Schema } from './schemas.ts';

export interface RouteOptions {
  readonly summary: string;
  readonly params?: Schema;
  /** Properties of the query; no others are taken. */
  readonly query?: Readonly<Record<string, Schema>>;
  /** A schema that the body is checked with, or the name of one that the platform checks itself. */
  readonly body?: Schema | string;
  /** Status to the name of its schema; undefined for an answer without a body. */
  readonly answers: Readonly<Record<number, string | undefined>>;
  /** The type of an answer that is not JSON. */
  readonly contentType?: string;
  /** True for an answer that does not end: it has no HEAD. */
  readonly isStream?: true;
  /** What an audit event calls it. */
  readonly action?: AuditEvent['action'];
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => unknown;
}

/** A documented route. */
export function route(app: App, method: HTTPMethods, url: string, options: RouteOptions): void {
  const { summary, params, query = {}, body, answers, contentType, isStream, action, handler } = options;
  const isChecked = typeof body !== 'string';
  app.route({
    method,
    url,
    handler: async (request, reply) => handler(request, reply),
    ...(isStream === true ? { exposeHeadRoute: false } : {}),
    ...(action === undefined ? {} : { config: { action } }),
    schema: {
      summary,
      operationId: operationIdOf(method, url),
      ...(params === undefined ? {} : { params }),
      querystring: { type: 'object', properties: query, additionalProperties: false },
      ...(body === undefined ? {} : { body: isChecked ? body : ref(body) }),
      response: responsesOf(answers, contentType),
    },
  });
}

function responsesOf(answers: RouteOptions['answers'], contentType: string | undefined): Record<string, Schema> {
  const responses: Record<string, Schema> = {};
  for (const [status, name] of Object.entries(answers)) {
    if (contentType !== undefined) {
      responses[status] = { description: 'OK', content: { [contentType]: { schema: { type: 'string' } } } };
    } else {
      responses[status] = name === undefined ? { description: 'Done', type: 'null' } : ref(name);
    }
  }
  return { ...responses, default: ref('Error') };
}

function operationIdOf(method: HTTPMethods, url: string): string {
  const words = url
    .replace(/^\/api\/v1/, '')
    .split(/[/.]/)
    .filter(Boolean);
  const name = words.map((word) => word.replace(/^:(.)/, (_, first: string) => `By${first.toUpperCase()}`));
  return [String(method).toLowerCase(), ...name.map((word) => word[0]!.toUpperCase() + word.slice(1))].join('');
}
