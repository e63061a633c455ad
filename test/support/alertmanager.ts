import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePort } from './prometheus-server.ts';

/** An alert as the webhook of an Alertmanager gets it. */
export interface NotifiedAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The path of the webhook that it came to. */
  readonly receiver: string;
}

export interface RunningAlertmanager {
  /** host:port */
  readonly address: string;
  /** Everything that has come so far. */
  readonly notified: readonly NotifiedAlert[];
  stop(): Promise<void>;
}

/** An Alertmanager with the given configuration, but with short waits and webhooks that end here. */
export async function runAlertmanager(configuration: string): Promise<RunningAlertmanager> {
  const notified: NotifiedAlert[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const { alerts } = JSON.parse(body) as { alerts: Omit<NotifiedAlert, 'receiver'>[] };
      for (const alert of alerts) notified.push({ ...alert, receiver: request.url ?? '' });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const webhook = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const folder = await mkdtemp(join(tmpdir(), 'dataflow-alertmanager-'));
  const config = join(folder, 'alertmanager.yml');
  await writeFile(config, testConfiguration(configuration, webhook));
  const [port, cluster] = [await freePort(), ''];
  const child = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${config}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--cluster.listen-address=${cluster}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    address: `127.0.0.1:${port}`,
    notified,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The routes stay; nothing waits, nothing is hidden by another alert, and the path says which receiver it was. */
function testConfiguration(text: string, webhook: string): string {
  const config = parse(text) as {
    route: Route;
    receivers: { webhook_configs: { url: string }[] }[];
    inhibit_rules?: unknown;
  };
  hasten(config.route);
  for (const { webhook_configs } of config.receivers) {
    for (const target of webhook_configs) target.url = webhook + new URL(target.url).pathname;
  }
  delete config.inhibit_rules;
  return stringify(config);
}

interface Route {
  group_wait?: string;
  group_interval?: string;
  routes?: Route[];
}

function hasten(route: Route): void {
  route.group_wait = '1s';
  route.group_interval = '1s';
  for (const child of route.routes ?? []) hasten(child);
}
