import type { FastifyReply, FastifyRequest } from 'fastify';
import { redactText } from '../../domain/secrets.ts';
import type { StatusContext } from './context.ts';
import type { Guard } from './guard.ts';
import type { AuditEvent } from './ports.ts';

/** Those that nobody was let in for; a flood of requests must not become a flood of lines. */
const TURNED_AWAY: readonly string[] = ['DATAFLOW_ERR_API_UNAUTHORIZED', 'DATAFLOW_ERR_API_FORBIDDEN'];

/** Before an action is answered: says who asked for what, and what became of it. */
export function auditOf(request: FastifyRequest, reply: FastifyReply, guard: Guard, context: StatusContext): void {
  const { action } = request.routeOptions.config;
  const { failure } = request;
  if (action === undefined || failure === 'DATAFLOW_ERR_API_RATE_LIMITED') return;
  const isTurnedAway = failure !== undefined && TURNED_AWAY.includes(failure);
  const event: AuditEvent = {
    time: new Date(context.ports.clock.now()).toISOString(),
    event: 'dataflow.audit',
    who: isTurnedAway ? 'nobody' : guard.wantsToken ? 'token' : 'loopback',
    remoteAddress: request.ip,
    action,
    pipelineId: pipelineIdOf(request),
    outcome: failure ?? (reply.statusCode < 400 ? 'ok' : String(reply.statusCode)),
  };
  context.ports.audit(event);
  if (!isTurnedAway) {
    const { time, pipelineId, outcome } = event;
    context.live.action({ time, action, pipelineId, outcome });
  }
}

function pipelineIdOf({ params, body }: FastifyRequest): string | null {
  const { id } = { ...(body as object | undefined), ...(params as object) } as { id?: unknown };
  return typeof id === 'string' ? redactText(id.slice(0, 100)) : null;
}
