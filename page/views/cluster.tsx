import type { ClusterNode } from '../api/contract.ts';
import { formatCount } from '../format.ts';
import { usePolled } from '../live/use-polled.ts';
import { PlainTable } from '../parts/plain-table.tsx';
import { Problem } from '../parts/problem.tsx';

const NODES_MS = 5000;

export function ClusterView() {
  const { data, error } = usePolled<{ nodes: readonly ClusterNode[] }>('/api/v1/cluster', NODES_MS);
  return (
    <section class="view" aria-labelledby="view-title">
      <div class="view-head">
        <h1 id="view-title">Cluster</h1>
      </div>
      {error !== null && <Problem error={error} />}
      {data !== null && (
        <div class="panel">
          <h2>Nodes</h2>
          <PlainTable heads={['Node', 'Address', 'State', 'Pipelines']}>
            {data.nodes.map(({ node, address, pipelines, self, state }) => (
              <tr key={node}>
                <th scope="row">
                  {node} {self && <span class="muted">(this one)</span>}
                </th>
                <td>{address ?? 'not shared'}</td>
                <td>
                  <span class={state === 'up' ? 'badge running' : 'badge failed'}>
                    <span class="dot" aria-hidden="true" />
                    {state}
                  </span>
                </td>
                <td>{formatCount(pipelines)}</td>
              </tr>
            ))}
          </PlainTable>
        </div>
      )}
    </section>
  );
}
