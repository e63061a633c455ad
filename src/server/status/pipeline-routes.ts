import type { FastifyRequest } from 'fastify';
import { DataflowError } from '../../errors.ts';
import { type App, pipelineOf, type StatusContext, sendText } from './context.ts';
import { readEventPage } from './event-pages.ts';
import { shownInstruments } from './metric-series.ts';
import { detailOf, reasonOf, type ShownState } from './pipeline-view.ts';
import type { ActionName, PipelineView } from './ports.ts';
import { route } from './route.ts';
import { PARAMS_ID } from './schemas.ts';

const PIPELINES = '/api/v1/pipelines';
const ACTIONS: readonly ActionName[] = ['start', 'stop', 'pause', 'resume', 'reset'];
const MAX_SERIES = 10_000;
const MAX_SEQUENCE = Number.MAX_SAFE_INTEGER;

type Spec = Readonly<Record<string, unknown>>;
const idOf = (request: FastifyRequest): string => (request.params as { id: string }).id;

export function pipelineRoutes(app: App, context: StatusContext): void {
  readRoutes(app, context);
  writeRoutes(app, context);
}

function readRoutes(app: App, context: StatusContext): void {
  const { ports, board, sampler } = context;

  route(app, 'GET', PIPELINES, {
    summary: 'All pipelines',
    answers: { 200: 'PipelineList' },
    query: {
      status: { type: 'string', enum: ['configured', 'running', 'paused', 'stopped', 'failed'] },
      limit: { type: 'integer', minimum: 1, maximum: 100_000 },
      offset: { type: 'integer', minimum: 0, maximum: MAX_SEQUENCE, default: 0 },
    },
    handler: async (request, reply) => {
      const { status, limit, offset = 0 } = request.query as { status?: ShownState; limit?: number; offset?: number };
      board.refresh();
      const texts = board.texts((state) => status === undefined || state === status);
      const page = texts.slice(offset, limit === undefined ? undefined : offset + limit);
      const rest = JSON.stringify({
        total: texts.length,
        counts: board.counts,
        health: board.health,
        serverTime: new Date(ports.clock.now()).toISOString(),
      });
      return sendText(reply, `{"pipelines":[${page.join(',')}],${rest.slice(1)}`);
    },
  });

  route(app, 'GET', `${PIPELINES}/:id`, {
    summary: 'One pipeline',
    params: PARAMS_ID,
    answers: { 200: 'PipelineDetail' },
    handler: (request) => detail(context, idOf(request)),
  });

  route(app, 'GET', `${PIPELINES}/:id/health`, {
    summary: 'Whether a pipeline does its work, and what keeps it from it',
    params: PARAMS_ID,
    answers: { 200: 'PipelineHealth' },
    handler: async (request) => healthOf(context, await pipelineOf(ports, idOf(request))),
  });

  route(app, 'GET', `${PIPELINES}/:id/metrics`, {
    summary: 'Every series of a pipeline, with values',
    params: PARAMS_ID,
    answers: { 200: 'PipelineMetrics' },
    handler: async (request) => {
      const { id } = await pipelineOf(ports, idOf(request));
      if (ports.metrics === undefined) return { pipelineId: id, series: [] };
      const labels = new Map([['pipeline_id', id]]);
      const query = { wants: () => true, labels, limit: MAX_SERIES };
      const { instruments } = await shownInstruments(await ports.metrics.scrape(), query);
      return { pipelineId: id, series: instruments.flatMap(({ series }) => series) };
    },
  });

  route(app, 'GET', `${PIPELINES}/:id/history`, {
    summary: 'The last hour of a pipeline',
    params: PARAMS_ID,
    answers: { 200: 'PipelineHistory' },
    handler: async (request) => sampler.history.pipeline((await pipelineOf(ports, idOf(request))).id),
  });

  route(app, 'GET', `${PIPELINES}/:id/events`, {
    summary: 'The events of a pipeline as the journal holds them, page by page; those of a removed one included',
    params: PARAMS_ID,
    answers: { 200: 'PipelineEvents' },
    query: {
      from: { type: 'integer', minimum: 1, maximum: MAX_SEQUENCE },
      limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
      order: { type: 'string', enum: ['asc', 'desc'], default: 'asc' },
    },
    handler: async (request) => {
      const id = idOf(request);
      const {
        from,
        limit = 100,
        order = 'asc',
      } = request.query as {
        from?: number;
        limit?: number;
        order?: 'asc' | 'desc';
      };
      const highest = await ports.journal.highestSequence(id);
      if (highest === 0) await pipelineOf(ports, id);
      return readEventPage(ports, id, highest, { from, limit, order });
    },
  });
}

function writeRoutes(app: App, context: StatusContext): void {
  const { actions } = context.ports;

  route(app, 'POST', PIPELINES, {
    summary: 'Creates a pipeline',
    action: 'create',
    body: 'PipelineSpec',
    answers: { 201: 'PipelineDetail', 200: 'PipelineDetail' },
    handler: async (request, reply) => {
      const { id, created } = await actions.create(request.body as Spec);
      void reply.code(created ? 201 : 200);
      return detail(context, id);
    },
  });

  route(app, 'PUT', `${PIPELINES}/:id`, {
    summary: 'Gives a pipeline that does not run another specification',
    action: 'updateConfig',
    params: PARAMS_ID,
    body: 'PipelineSpec',
    answers: { 200: 'PipelineDetail' },
    handler: async (request) => {
      const id = idOf(request);
      const spec = request.body as Spec;
      await pipelineOf(context.ports, id);
      if (Object.hasOwn(spec, 'id') && spec.id !== id) {
        throw new DataflowError(
          'DATAFLOW_ERR_API_REQUEST_INVALID',
          'The body names another pipeline than the path: an id cannot change; leave it out, or create a new pipeline.',
          { problems: [{ path: 'id', expected: 'the id of the path, or nothing', got: 'something else' }] },
        );
      }
      await actions.updateConfig(id, spec);
      return detail(context, id);
    },
  });

  route(app, 'DELETE', `${PIPELINES}/:id`, {
    summary: 'Stops and removes a pipeline; its events stay in the journal',
    action: 'remove',
    params: PARAMS_ID,
    answers: { 204: undefined },
    handler: async (request, reply) => {
      const id = idOf(request);
      await pipelineOf(context.ports, id);
      await actions.remove(id);
      return reply.code(204).send();
    },
  });

  for (const action of ACTIONS) {
    route(app, 'POST', `${PIPELINES}/:id/${action}`, {
      summary: `Tells a pipeline to ${action}`,
      action,
      params: PARAMS_ID,
      body: {
        type: 'object',
        properties: { reason: { type: 'string', minLength: 1, maxLength: 500 } },
        additionalProperties: false,
      },
      answers: { 200: 'PipelineDetail' },
      handler: async (request) => {
        const id = idOf(request);
        await pipelineOf(context.ports, id);
        await actions.act(id, action, (request.body as { reason?: string }).reason);
        return detail(context, id);
      },
    });
  }
}

async function detail({ ports, board }: StatusContext, id: string) {
  const sequenceNumber = await ports.journal.highestSequence(id);
  // Both are of one moment: nothing is waited for in between.
  const view = ports.pipeline(id) ?? (await pipelineOf(ports, id));
  board.refresh();
  return { ...board.summary(id), ...detailOf(view, ports.redact), sequenceNumber };
}

function healthOf({ ports, activity }: StatusContext, view: PipelineView) {
  const { id, state, unavailable } = view;
  const shown = (status: 'healthy' | 'degraded' | 'failed' | 'idle', ...reasons: string[]) => ({
    pipelineId: id,
    status,
    reasons,
  });
  const error = activity.of(id)?.lastError;
  if (unavailable !== undefined || state.status === 'empty') {
    return shown('failed', ports.redact(unavailable?.message ?? 'it could not be recovered') as string);
  }
  if (state.status === 'failed') {
    return shown('failed', ports.redact(`${state.error.code}: ${state.error.message}`) as string);
  }
  if (state.status !== 'running') {
    const reason = reasonOf(state);
    return shown('idle', reason === null ? `it is ${state.status}` : `it is ${state.status}: ${reason}`);
  }
  const reasons: string[] = [];
  if (ports.isDetached(id, state.config)) reasons.push('it waits for code or secrets that the journal does not hold');
  if (state.retryCount > 0) reasons.push(`it tries again (${state.retryCount}) after ${error?.code ?? 'a failure'}`);
  return shown(reasons.length === 0 ? 'healthy' : 'degraded', ...reasons);
}
