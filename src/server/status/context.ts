import type { FastifyInstance, FastifyReply } from 'fastify';
import { DataflowError } from '../../errors.ts';
import type { HistorySampler } from './history-sampler.ts';
import type { LiveEvents } from './live-events.ts';
import type { PipelineActivity } from './pipeline-activity.ts';
import type { PipelineBoard } from './pipeline-board.ts';
import type { AuditEvent, PipelineView, StatusPorts } from './ports.ts';
import type { SystemProbe } from './system-probe.ts';

/** What the routes share. */
export interface StatusContext {
  readonly ports: StatusPorts;
  readonly activity: PipelineActivity;
  readonly board: PipelineBoard;
  readonly sampler: HistorySampler;
  readonly probe: SystemProbe;
  readonly live: LiveEvents;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The audited action of a route that writes. */
    readonly action?: AuditEvent['action'];
  }
  interface FastifyRequest {
    /** The code of the error that the request ended with. */
    failure: string | undefined;
  }
}

export type App = FastifyInstance;

/** Sends JSON that is text already. */
export function sendText(reply: FastifyReply, json: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(json);
}

/** @throws DATAFLOW_ERR_PIPELINE_UNKNOWN; DATAFLOW_ERR_PIPELINE_ELSEWHERE where another process has it */
export async function pipelineOf(ports: StatusPorts, id: string): Promise<PipelineView> {
  const view = ports.pipeline(id);
  if (view !== undefined) return view;
  throw (
    (await ports.absence(id)) ??
    new DataflowError('DATAFLOW_ERR_PIPELINE_UNKNOWN', `there is no pipeline ${id}: see GET /api/v1/pipelines`)
  );
}
