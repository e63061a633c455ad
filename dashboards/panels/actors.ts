import { type Row, row } from '../kit/dashboard.ts';
import { query, timeseries } from '../kit/panels.ts';
import { gauge, quantile, rate } from '../kit/promql.ts';

const GROUP = ['group'] as const;
const PATH = ['path'] as const;

/** By group, because the number of actors is not bounded. */
export const actors: Row = row(
  'Actors',
  timeseries({
    title: 'Actors by group',
    description: 'Live actors, one for each pipeline, by the groups of the configuration; and all of a process.',
    unit: 'short',
    queries: [
      query(gauge('sum', 'groupMembers', GROUP), '{{group}}'),
      query(gauge('sum', 'systemActiveActors', ['instance']), 'all on {{instance}}'),
    ],
  }),
  timeseries({
    title: 'Commands waiting by group',
    description: 'In the mailboxes of a group. A number that stays high: callers send faster than the journal commits.',
    unit: 'short',
    queries: [query(gauge('sum', 'groupPendingMessages', GROUP), '{{group}}')],
  }),
  timeseries({
    title: 'Commands decided',
    description: 'Per second and process, refused ones and those of the runtime itself included.',
    unit: 'cps',
    queries: [query(rate('systemProcessedMessages', ['instance']), '{{instance}}')],
  }),
  timeseries({
    title: 'Time in the mailbox by group (p99)',
    description: 'From the arrival of a command to the turn that takes it.',
    unit: 's',
    queries: [query(quantile(0.99, 'groupTimeInMailbox', GROUP), '{{group}}')],
  }),
  timeseries({
    title: 'Processing time by group (p99)',
    description: 'One turn of an actor: up to 256 commands decided, made durable and answered.',
    unit: 's',
    queries: [query(quantile(0.99, 'groupProcessingTime', GROUP), '{{group}}')],
  }),
  timeseries({
    title: 'Faults, dead letters, refused commands',
    description:
      'Per minute. Faults of actors, each followed by a recovery or its end; commands that no actor could take; commands that the state of a pipeline refused.',
    unit: 'cpm',
    queries: [
      query(`${rate('groupErrors', GROUP)} * 60`, 'faults in {{group}}'),
      query(`${rate('systemDeadLetters', ['instance'])} * 60`, 'dead letters on {{instance}}'),
      query(`${rate('systemUnhandledMessages', ['instance'])} * 60`, 'refused on {{instance}}'),
    ],
  }),
);

/** Of the selected pipelines; they have series of their own only where the configuration asks for them. */
export function trackedActors(): Row {
  const only = 'Only of actors that metrics.actors.track includes.';
  return row(
    'Tracked actors',
    timeseries({
      title: 'Mailbox size',
      description: `Commands that wait now, and the most that waited since the previous scrape. ${only}`,
      unit: 'short',
      width: 6,
      empty: 'No tracked actors',
      queries: [
        query(gauge('sum', 'actorMailboxSize', PATH), '{{path}}'),
        query(gauge('max', 'actorMailboxSizeMax', PATH), '{{path}} most'),
      ],
    }),
    timeseries({
      title: 'Time in the mailbox (p99)',
      description: `From the arrival of a command to the turn that takes it. ${only}`,
      unit: 's',
      width: 6,
      empty: 'No tracked actors',
      queries: [query(quantile(0.99, 'actorTimeInMailbox', PATH), '{{path}}')],
    }),
    timeseries({
      title: 'Processing time (p99)',
      description: `One turn of the actor: up to 256 commands decided, made durable and answered. ${only}`,
      unit: 's',
      width: 6,
      empty: 'No tracked actors',
      queries: [query(quantile(0.99, 'actorProcessingTime', PATH), '{{path}}')],
    }),
    timeseries({
      title: 'Faults',
      description: `Per minute; each is followed by a recovery or the end of the actor. Failed batches are none. ${only}`,
      unit: 'cpm',
      width: 6,
      empty: 'No tracked actors',
      queries: [query(`${rate('actorErrors', PATH)} * 60`, '{{path}}')],
    }),
  );
}
