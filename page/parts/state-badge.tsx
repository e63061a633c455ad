import type { State } from '../api/contract.ts';

export function StateBadge({ state }: { readonly state: State }) {
  return (
    <span class={`badge ${state}`}>
      <span class="dot" aria-hidden="true" />
      {state}
    </span>
  );
}
