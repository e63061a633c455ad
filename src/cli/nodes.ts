/** Who shares the pipelines of a PostgreSQL journal, and who owns which; works beside the processes that run them. */
import type { Lease } from '../cluster/leases.ts';
import type { NodeRecord } from '../cluster/nodes.ts';
import { openSharedJournal } from '../platform/open-journal.ts';
import type { GlobalOptions } from './global-options.ts';
import { readConfig } from './settings.ts';
import { formatCount, renderTable, type Terminal } from './terminal.ts';

export interface NodesOptions {
  readonly json?: boolean;
}

export async function printNodes(globals: GlobalOptions, options: NodesOptions, terminal: Terminal): Promise<void> {
  const journal = await openSharedJournal((await readConfig(globals)).journal, process.env);
  try {
    const nodes = await journal.nodes.list();
    const leases = await journal.leases.list();
    if (options.json === true) {
      for (const node of nodes) terminal.out(`${JSON.stringify({ ...node, pipelines: keysOf(node, leases) })}\n`);
      return;
    }
    terminal.out(nodeTable(nodes));
    if (leases.length > 0) terminal.out(`\n${leaseTable(leases)}`);
  } finally {
    await journal.close();
  }
}

function keysOf({ name }: NodeRecord, leases: readonly Lease[]): string[] {
  return leases.filter(({ owner, isExpired }) => owner === name && !isExpired).map(({ key }) => key);
}

function nodeTable(nodes: readonly NodeRecord[]): string {
  if (nodes.length === 0) return 'no process shares the pipelines of this journal: cluster.enabled lets them\n';
  return renderTable(
    [
      { title: 'node', value: ({ name }) => name },
      { title: 'state', value: ({ isExpired }) => (isExpired ? 'gone' : 'up') },
      { title: 'pipelines', align: 'right', value: ({ keys }) => formatCount(keys) },
      { title: 'since', value: ({ startedAt }) => new Date(startedAt).toISOString() },
      { title: 'last seen', value: ({ seenAt }) => new Date(seenAt).toISOString() },
      { title: 'version', value: ({ version }) => version },
      { title: 'status page', value: ({ address }) => address ?? 'none' },
    ],
    nodes,
  );
}

function leaseTable(leases: readonly Lease[]): string {
  return renderTable(
    [
      { title: 'pipeline', value: ({ key }) => key },
      { title: 'owner', value: ({ owner }) => owner },
      { title: 'epoch', align: 'right', value: ({ epoch }) => String(epoch) },
      { title: 'lease', value: ({ isExpired, expiresAt }) => leaseText(isExpired, expiresAt) },
    ],
    leases,
  );
}

function leaseText(isExpired: boolean, expiresAt: number): string {
  return `${isExpired ? 'expired' : 'until'} ${new Date(expiresAt).toISOString()}`;
}
