import type { Action, State } from '../api/contract.ts';

const BOX = { width: 92, height: 34 };
const CENTRES: Readonly<Record<State, readonly [number, number]>> = {
  failed: [125, 30],
  configured: [50, 118],
  running: [200, 118],
  paused: [350, 118],
  stopped: [200, 216],
};

interface Edge {
  readonly from: State;
  readonly to: State;
  readonly label: string;
  /** The action that takes it; null for what happens by itself. */
  readonly action: Action | null;
  readonly line: readonly [number, number, number, number];
  readonly at: readonly [number, number];
}

const EDGES: readonly Edge[] = [
  { from: 'configured', to: 'running', label: 'start', action: 'start', line: [96, 118, 152, 118], at: [124, 112] },
  { from: 'running', to: 'paused', label: 'pause', action: 'pause', line: [246, 111, 302, 111], at: [274, 104] },
  { from: 'paused', to: 'running', label: 'resume', action: 'resume', line: [304, 125, 248, 125], at: [274, 141] },
  { from: 'running', to: 'stopped', label: 'stop', action: 'stop', line: [208, 135, 208, 197], at: [228, 172] },
  { from: 'stopped', to: 'running', label: 'start', action: 'start', line: [192, 199, 192, 137], at: [174, 172] },
  { from: 'paused', to: 'stopped', label: 'stop', action: 'stop', line: [336, 135, 248, 208], at: [312, 182] },
  { from: 'configured', to: 'stopped', label: 'stop', action: 'stop', line: [72, 135, 152, 206], at: [128, 174] },
  {
    from: 'stopped',
    to: 'configured',
    label: 'update',
    action: 'updateConfig',
    line: [154, 222, 50, 137],
    at: [76, 190],
  },
  { from: 'running', to: 'failed', label: 'error', action: null, line: [188, 101, 146, 49], at: [186, 72] },
  { from: 'failed', to: 'configured', label: 'reset', action: 'reset', line: [106, 47, 66, 99], at: [66, 72] },
];

const STATES = Object.keys(CENTRES) as State[];

/** The states of a pipeline and the ways between them; lit are the current one and the ways out of it. */
export function StateMachine({ state, allowed }: { readonly state: State; readonly allowed: readonly Action[] }) {
  const open = (edge: Edge): boolean => edge.from === state && (edge.action === null || allowed.includes(edge.action));
  const ways = EDGES.filter(open).map(({ label, to }) => `${label} leads to ${to}`);
  const words = `The pipeline is ${state}. From here: ${ways.join(', ') || 'nothing'}.`;
  return (
    <svg class="machine" viewBox="0 0 400 240" role="img" aria-label={words}>
      <defs>
        <Arrow id="arrow" />
        <Arrow id="arrow-open" />
      </defs>
      {EDGES.map((edge) => {
        const lit = open(edge);
        const [x1, y1, x2, y2] = edge.line;
        return (
          <g key={`${edge.from} ${edge.to}`} class={lit ? 'edge open' : 'edge'}>
            <line x1={x1} y1={y1} x2={x2} y2={y2} marker-end={lit ? 'url(#arrow-open)' : 'url(#arrow)'} />
            <text x={edge.at[0]} y={edge.at[1]}>
              {edge.label}
            </text>
          </g>
        );
      })}
      {STATES.map((name) => {
        const [x, y] = CENTRES[name];
        return (
          <g key={name} class={name === state ? `node current ${name}` : 'node'}>
            <rect x={x - BOX.width / 2} y={y - BOX.height / 2} width={BOX.width} height={BOX.height} rx={8} />
            <text x={x} y={y + 5}>
              {name}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

function Arrow({ id }: { readonly id: string }) {
  return (
    <marker id={id} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
      <path d="M0 0 8 4 0 8z" />
    </marker>
  );
}
