/** Kinds of settings that hold other values: each value that is wrong is a problem of its own, with its own path. */
import { isMapping, type Mapping, nearest } from '../domain/problem-collector.ts';
import type { ActorFilter, ActorMetricsConfig } from '../metrics/actor-metrics-config.ts';
import { isHeaderName, isHeaderText } from '../telemetry/otlp/otlp-config.ts';
import { expectedGlob, expectedHistogram } from './instrument-names.ts';
import { Place } from './place.ts';
import { SERVICE_NAME } from './service-name.ts';
import { type Kind, text } from './setting-kinds.ts';

/** Gives undefined for a value that it has refused. */
type ReadItem<T> = (value: unknown, place: Place) => T | undefined;

function readList<T>(list: readonly unknown[], place: Place, readItem: ReadItem<T>): T[] | undefined {
  // Array.from, so that a hole of a sparse list is an item as well.
  const items = Array.from(list, (item, index) => readItem(item, place.below(index)));
  return items.includes(undefined) ? undefined : (items as T[]);
}

function readMapping<T>(
  mapping: Mapping,
  place: Place,
  readItem: ReadItem<T>,
  /** What is expected in place of a bad name. */
  expectedName: (name: string) => string | undefined,
): Record<string, T> | undefined {
  const good: [string, T][] = [];
  const entries = Object.entries(mapping);
  for (const [name, item] of entries) {
    const at = place.below(name);
    const expected = name === '__proto__' ? 'another name than __proto__' : expectedName(name);
    if (expected !== undefined) at.refuseName(expected);
    const value = readItem(item, at);
    if (expected === undefined && value !== undefined) good.push([name, value]);
  }
  return good.length === entries.length ? Object.fromEntries(good) : undefined;
}

/** What is read as a whole. */
type Item<T> = Pick<Kind<T>, 'expected' | 'read'>;

function itemOf<T>({ expected, read }: Item<T>): ReadItem<T> {
  return (value, place) => {
    const item = read(value);
    if (item === undefined) place.refuse(expected);
    return item;
  };
}

export const textList: Kind<readonly string[]> = {
  expected: 'a list of non-empty texts',
  read: (value, place = Place.unsaid()) => (Array.isArray(value) ? readList(value, place, itemOf(text)) : undefined),
};

/** Globs of the names of instruments. */
export const instrumentGlobs: Kind<readonly string[]> = {
  expected: 'a list of globs of instrument names',
  read(value, place = Place.unsaid()) {
    const readGlob = (item: unknown, at: Place) => {
      const glob = itemOf(text)(item, at);
      const expected = glob === undefined ? undefined : expectedGlob(glob);
      if (expected !== undefined) at.refuse(expected);
      return expected === undefined ? glob : undefined;
    };
    return Array.isArray(value) ? readList(value, place, readGlob) : undefined;
  },
};

export type TextMap = Readonly<Record<string, string>>;

const plain: Item<string> = {
  expected: 'a text, a finite number, true or false',
  read: (value) =>
    typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value) ? String(value) : undefined,
};

/** Attributes of the resource. The name of the service is held to what `metrics.service` is. */
export const attributes: Kind<TextMap> = {
  expected: 'a mapping of keys to texts',
  merges: true,
  read(value, place = Place.unsaid()) {
    const readItem = (item: unknown, at: Place) => itemOf(at.name === SERVICE_NAME ? text : plain)(item, at);
    return isMapping(value)
      ? readMapping(value, place, readItem, (name) => (name === '' ? 'a non-empty name' : undefined))
      : undefined;
  },
};

const headerText: Item<string> = {
  expected: 'a text of one line of ASCII characters',
  read(value) {
    const item = plain.read(value);
    return item !== undefined && isHeaderText(item) ? item : undefined;
  },
};

/** Names and values that an HTTP request can carry, the values secret. */
export const headers: Kind<TextMap> = {
  expected: 'a mapping of header names to texts of one line of ASCII characters',
  merges: true,
  secret: true,
  read: (value, place = Place.unsaid()) =>
    isMapping(value)
      ? readMapping(value, place, itemOf(headerText), (name) =>
          isHeaderName(name) ? undefined : "a header name of letters, digits and !#$%&'*+.^_`|~-",
        )
      : undefined,
};

export type Buckets = Readonly<Record<string, readonly number[]>>;

const MOST_BOUNDARIES = 200;
const BOUNDARIES = `a list of 1 to ${MOST_BOUNDARIES} rising boundaries`;

export const buckets: Kind<Buckets> = {
  expected: `a mapping of instrument names to lists of 1 to ${MOST_BOUNDARIES} rising boundaries`,
  read: (value, place = Place.unsaid()) =>
    isMapping(value) ? readMapping(value, place, readBoundaries, expectedHistogram) : undefined,
};

function readBoundaries(value: unknown, place: Place): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_BOUNDARIES) {
    place.refuse(BOUNDARIES);
    return undefined;
  }
  let last = Number.NEGATIVE_INFINITY;
  return readList(value, place, (boundary, at) => {
    if (typeof boundary !== 'number' || !Number.isFinite(boundary)) {
      at.refuse(
        boundary === Number.POSITIVE_INFINITY
          ? 'a finite number, since the bucket without an upper bound is always there'
          : 'a finite number',
      );
      return undefined;
    }
    // OpenMetrics has no sum for a histogram of them, and no measurement of ours could be below.
    if (boundary < 0) {
      at.refuse('at least 0');
      return undefined;
    }
    if (boundary <= last) {
      at.refuse(`more than ${last}`);
      return undefined;
    }
    last = boundary;
    return boundary;
  });
}

/** Each at most once. */
export function choices<T extends string>(...known: readonly T[]): Kind<readonly T[]> {
  return {
    expected: `a list of ${known.join(', ')}`,
    read(value, place = Place.unsaid()) {
      if (!Array.isArray(value)) return undefined;
      const seen = new Set<T>();
      return readList(value, place, (item, at) => {
        const choice = known.find((candidate) => candidate === item);
        if (choice === undefined) at.refuse(known.join(' or '));
        else if (seen.has(choice)) at.refuse('each at most once');
        else {
          seen.add(choice);
          return choice;
        }
        return undefined;
      });
    },
  };
}

const FILTER = 'a mapping { include: [globs], exclude: [globs] }';

export const actorGroups: Kind<ActorMetricsConfig['groups']> = {
  expected: 'a mapping of group names to { include: [globs], exclude: [globs] } with at least one glob to include',
  merges: true,
  read: (value, place = Place.unsaid()) =>
    isMapping(value)
      ? readMapping(value, place, readActorFilter, (name) =>
          text.read(name) === undefined ? text.expected : undefined,
        )
      : undefined,
};

const FILTER_KEYS = ['include', 'exclude'];

function readActorFilter(value: unknown, place: Place): ActorFilter | undefined {
  if (!isMapping(value)) {
    place.refuse(FILTER);
    return undefined;
  }
  const unknown = Object.keys(value).filter((key) => !FILTER_KEYS.includes(key));
  for (const key of unknown) {
    const meant = nearest(key, FILTER_KEYS);
    place.below(key).refuseName(meant === undefined ? FILTER_KEYS.join(' or ') : `a known key; did you mean ${meant}?`);
  }
  const include = readGlobs(value.include, place.below('include'), 1);
  const exclude = readGlobs(value.exclude ?? [], place.below('exclude'), 0);
  return unknown.length > 0 || include === undefined || exclude === undefined ? undefined : { include, exclude };
}

function readGlobs(value: unknown, place: Place, fewest: number): readonly string[] | undefined {
  if (Array.isArray(value) && value.length >= fewest) return textList.read(value, place);
  place.refuse(fewest === 0 ? 'a list of globs' : 'a list of at least one glob');
  return undefined;
}
