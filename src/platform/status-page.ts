/**
 * Owns the status page's part in the life of a platform: it sees events from the recovery on, serves once the platform
 * is there, and ends with it.
 */
import type { StatusPageConfig } from '../config/config.ts';
import type { Environment } from '../connectors/environment.ts';
import type { PipelineRecorder } from '../metrics/recorder.ts';
import { PipelineActivity } from '../server/status/pipeline-activity.ts';
import type { StatusPorts } from '../server/status/ports.ts';
import { type StatusServer, startStatusServer } from '../server/status/status-server.ts';

export class StatusPage {
  readonly #config: StatusPageConfig;
  readonly #env: Environment;
  readonly #activity = new PipelineActivity();
  #server: StatusServer | undefined;

  constructor(config: StatusPageConfig, env: Environment) {
    this.#config = config;
    this.#env = env;
  }

  /** Undefined while nothing is served. */
  get url(): string | undefined {
    return this.#server?.url;
  }

  /** The recorder, and beside it what the page wants to know, where there is a page. */
  recorderFor(recorder: PipelineRecorder): PipelineRecorder {
    return this.#config.enabled ? this.#activity.beside(recorder) : recorder;
  }

  async start(ports: StatusPorts): Promise<void> {
    if (!this.#config.enabled) return;
    this.#server = await startStatusServer({ ...this.#config, env: this.#env, ports, activity: this.#activity });
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
  }
}
