/**
 * Owns the HTTP server of the status page and its API, and all that runs for it: the sampling of the history, the live
 * streams. Owns no pipeline and no metric: it sees them through its ports.
 *
 * R1 After `close` nothing of it is left: no socket, stream, timer or observer.
 * R2 Who may do what is the guard's matter; every route is behind it.
 * R3 No answer holds a secret, nor the text of a fault that nobody expected.
 */
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../connectors/environment.ts';
import { codeOf } from '../../errors.ts';
import { closeServer, listen } from '../listen.ts';
import type { App } from './context.ts';
import { Guard } from './guard.ts';
import { HistorySampler } from './history-sampler.ts';
import { LiveEvents } from './live-events.ts';
import { readPageFiles } from './page-files.ts';
import type { PipelineActivity } from './pipeline-activity.ts';
import { PipelineBoard } from './pipeline-board.ts';
import type { StatusPorts } from './ports.ts';
import { createStatusApp, DEFAULT_LIMITS, type RequestLimits } from './status-app.ts';
import { SystemProbe } from './system-probe.ts';

const SETTINGS = {
  host: 'statusPage.host or DATAFLOW_STATUS_PAGE_HOST',
  port: 'statusPage.port or DATAFLOW_STATUS_PAGE_PORT',
};
const MAX_STREAMS = 32;
/** Tried one after the other before any free one. */
const NEXT_PORTS = 10;

export interface StatusServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Whether a busy port is a warning, and the next free one is taken. */
  readonly retryOnRandomPort: boolean;
  readonly token?: string | undefined;
  readonly publicRead: boolean;
  /** For a reference in the token. */
  readonly env: Environment;
  readonly ports: StatusPorts;
  readonly activity: PipelineActivity;
  /** Where the built page is. Default: beside the compiled package. */
  readonly pageFolder?: string;
  readonly limits?: Partial<RequestLimits>;
  readonly maxStreams?: number;
}

export interface StatusServer {
  readonly port: number;
  /** What a local browser opens. */
  readonly url: string;
  /** Idempotent. */
  close(): Promise<void>;
}

/** @throws DATAFLOW_ERR_SERVER_PORT_IN_USE, DATAFLOW_ERR_SERVER_LISTEN_FAILED, DATAFLOW_ERR_CONFIG_INVALID */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { host, ports, activity } = options;
  const guard = new Guard(options);
  const files = await readPageFiles(options.pageFolder ?? fileURLToPath(new URL('../../page', import.meta.url)));
  const probe = new SystemProbe();
  const sampler = new HistorySampler(ports, probe);
  const board = new PipelineBoard(ports, activity, sampler.history);
  const live = new LiveEvents({ ports, board, probe, limit: options.maxStreams ?? MAX_STREAMS });
  const context = { ports, activity, board, sampler, probe, live };
  let app: App | undefined;
  const release = async (): Promise<void> => {
    sampler.close();
    live.close();
    probe.close();
    if (app?.server.listening === true) await closeServer(app.server);
    await app?.close();
  };
  try {
    app = await createStatusApp({ context, guard, files, limits: { ...DEFAULT_LIMITS, ...options.limits } });
    guard.port = await listenSomewhere(app, options);
  } catch (error) {
    await release();
    throw error;
  }
  sampler.start();
  const opened = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  let closed: Promise<void> | undefined;
  return {
    port: guard.port,
    url: `http://${opened.includes(':') ? `[${opened}]` : opened}:${guard.port}/`,
    close: () => {
      closed ??= release();
      return closed;
    },
  };
}

async function listenSomewhere(
  app: App,
  { host, port, retryOnRandomPort, ports }: StatusServerOptions,
): Promise<number> {
  const listenOn = (chosen: number) =>
    listen(app.server, { host, port: chosen, what: 'the status page', settings: SETTINGS });
  try {
    return await listenOn(port);
  } catch (error) {
    if (!retryOnRandomPort || codeOf(error) !== 'DATAFLOW_ERR_SERVER_PORT_IN_USE') throw error;
    const found = await firstFree(listenOn, port);
    ports.warn(`port ${port} of the status page is in use; it is at port ${found} instead`, error);
    return found;
  }
}

async function firstFree(listenOn: (port: number) => Promise<number>, busy: number): Promise<number> {
  for (let port = busy + 1; port <= Math.min(65_535, busy + NEXT_PORTS); port++) {
    try {
      return await listenOn(port);
    } catch (error) {
      if (codeOf(error) !== 'DATAFLOW_ERR_SERVER_PORT_IN_USE') throw error;
    }
  }
  return listenOn(0);
}
