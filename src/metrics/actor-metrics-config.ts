/** Globs over the paths of actors, `dataflow/<pipeline id>`: `*` within a segment, `**` across. `exclude` wins. */
export interface ActorFilter {
  /** Empty: none. */
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
}

/** `metrics.actors` of the configuration. */
export interface ActorMetricsConfig {
  /** False: no time is taken and nothing is recorded for actors. */
  readonly enabled: boolean;
  /** Actors with series of their own: each one adds some. */
  readonly track: ActorFilter;
  /** Group name → its actors. An actor may be in several, and tracked as well. */
  readonly groups: Readonly<Record<string, ActorFilter>>;
  /** The group of the actors that are neither tracked nor in a group; false: they have none. */
  readonly defaultGroup: string | false;
}

export const DEFAULT_ACTOR_METRICS_CONFIG: ActorMetricsConfig = {
  enabled: true,
  track: { include: [], exclude: [] },
  groups: {},
  defaultGroup: 'default',
};
