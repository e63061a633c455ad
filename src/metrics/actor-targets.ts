/**
 * Where the measurements of an actor go: to series of its own, to its groups, or both.
 *
 * R1. The number of groups is the configuration's alone. An actor adds series only where a filter tracks it.
 * R2. An actor is in every group whose filter it passes, tracked or not, so that tracking one takes nothing from the
 *     totals of its groups; in the default group only when it would otherwise be nowhere.
 */
import type { Counter, Histogram } from '@opentelemetry/api';
import type { ActorFilter, ActorMetricsConfig } from './actor-metrics-config.ts';
import { globPattern } from './glob.ts';

/** The synchronous instruments of actors, or those of groups. */
export interface TargetInstruments {
  readonly timeInMailbox: Histogram;
  readonly processingTime: Histogram;
  readonly errors: Counter;
}

export interface Target extends TargetInstruments {
  /** Frozen and the same object for each measurement: an engine may then know the series by it. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** An actor as its gauges see it. */
export interface Member {
  readonly mailboxSize: number;
}

export interface ActorGroup extends Target {
  /** Live ones. */
  readonly members: Set<Member>;
}

interface Route {
  readonly matches: (path: string) => boolean;
  readonly group: ActorGroup;
}

export class ActorTargets {
  readonly groups: readonly ActorGroup[];
  readonly isTracked: (path: string) => boolean;
  readonly #routes: readonly Route[];
  readonly #fallback: ActorGroup | undefined;

  constructor(config: ActorMetricsConfig, system: string, instruments: TargetInstruments) {
    const newGroup = (group: string): ActorGroup => ({
      ...instruments,
      attributes: Object.freeze({ group, system }),
      members: new Set(),
    });
    const byName = new Map(Object.keys(config.groups).map((name) => [name, newGroup(name)]));
    this.isTracked = matcher(config.track);
    this.#routes = [...byName].map(([name, group]) => ({ matches: matcher(config.groups[name]!), group }));
    const { defaultGroup } = config;
    if (defaultGroup !== false) this.#fallback = byName.get(defaultGroup) ?? newGroup(defaultGroup);
    this.groups = [...new Set([...byName.values(), ...(this.#fallback === undefined ? [] : [this.#fallback])])];
  }

  groupsOf(path: string): readonly ActorGroup[] {
    const groups = this.#routes.filter(({ matches }) => matches(path)).map(({ group }) => group);
    if (groups.length > 0 || this.#fallback === undefined || this.isTracked(path)) return groups;
    return [this.#fallback];
  }
}

function matcher({ include, exclude = [] }: ActorFilter): (path: string) => boolean {
  const wanted = include.map((glob) => globPattern(glob, '/'));
  const unwanted = exclude.map((glob) => globPattern(glob, '/'));
  return (path) => wanted.some((pattern) => pattern.test(path)) && !unwanted.some((pattern) => pattern.test(path));
}
