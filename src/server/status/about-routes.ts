import { DataflowError } from '../../errors.ts';
import { type App, type StatusContext, sendText } from './context.ts';
import { route } from './route.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

export function aboutRoutes(app: App, { ports, board, live }: StatusContext): void {
  route(app, 'GET', '/status/settings', {
    summary: 'The resolved configuration, secrets hidden',
    answers: { 200: 'Settings' },
    handler: async () => ({ settings: ports.settings() }),
  });

  route(app, 'GET', '/status/modules', {
    summary: 'The parts of the platform and their state',
    answers: { 200: 'Modules' },
    handler: async () => ({ modules: ports.modules() }),
  });

  route(app, 'GET', '/status/instrumentation', {
    summary: 'What measures what',
    answers: { 200: 'Instrumentation' },
    handler: async () => ({ instrumentation: ports.instrumentation() }),
  });

  route(app, 'GET', '/api/v1/cluster', {
    summary: 'The nodes that run pipelines',
    answers: { 200: 'Cluster' },
    handler: async () => ({ nodes: ports.nodes() }),
  });

  route(app, 'GET', '/health', {
    summary: 'Health of the whole platform; 503 when it is critical',
    answers: { 200: 'Health', 503: 'Health' },
    handler: async (_request, reply) => {
      board.refresh();
      const { health } = board;
      void reply.code(health === 'Critical' ? 503 : 200);
      return {
        status: health,
        pipelines: board.counts,
        uptimeSeconds: Math.max(0, Math.round((ports.clock.now() - ports.startedAt) / 1000)),
        version: ports.version,
      };
    },
  });

  route(app, 'GET', '/api/v1/events', {
    summary: 'What changes, live: hello, then a tick each second and an action whenever somebody acts',
    answers: { 200: undefined },
    contentType: 'text/event-stream',
    isStream: true,
    handler: (_request, reply) => {
      if (live.isFull) {
        throw new DataflowError(
          'DATAFLOW_ERR_API_RATE_LIMITED',
          'There are as many live streams as are allowed: close a status page, or read /api/v1/pipelines from time to time.',
        );
      }
      reply.hijack();
      live.add(reply.raw, SECURITY_HEADERS);
      return reply;
    },
  });

  route(app, 'GET', '/api/v1/openapi.json', {
    summary: 'This description',
    answers: { 200: 'OpenApi' },
    handler: async (_request, reply) => sendText(reply, JSON.stringify(app.swagger())),
  });
}
