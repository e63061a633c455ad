/**
 * Owns which attribute set is which series, for all instruments of an engine. Owns no measurement.
 *
 * R1 Attributes of equal content give the same series, whatever objects carry them.
 * R2 Identity stands for content only where the object is frozen: any other may have changed since.
 * R3 A series is forgotten when no instrument holds a point for it; its attributes then give a new series, and no
 *    object keeps the old one alive.
 * R4 What attributes may be made of is bounded: labels are guarded, and so is the number of different key sets.
 */
import type { Attributes, AttributeValue } from '@opentelemetry/api';
import { PAGE_MASK, PAGE_SHIFT } from './column.ts';
import {
  type GuardedKeys,
  guardKeys,
  guardValue,
  isKnownKey,
  isUnchanging as isUnchangingObject,
  UNREADABLE,
  valueText,
} from './label-guard.ts';
import { type EngineSeries, Schema } from './schema.ts';

const MAX_KEY_SETS = 1000;
/** Orders of keys that are known without sorting them. */
const MAX_KEY_ORDERS = 10_000;
const NO_CELLS = new Float64Array();
const NO_ATTRIBUTES: Attributes = Object.freeze({});
const OVERFLOW: Attributes = Object.freeze({ 'otel.metric.overflow': true });

interface Plan {
  readonly schema: Schema;
  readonly sources: readonly string[];
}

export interface SeriesRegistryOptions {
  /** The attribute that names what series belong to, so that all of them can be removed together. */
  readonly owner: string;
  /** ms since the epoch. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

export class SeriesRegistry {
  /** By index. */
  readonly schemas: Schema[] = [];
  readonly #options: SeriesRegistryOptions;
  readonly #byIdentity = new WeakMap<Attributes, EngineSeries>();
  readonly #plansOfOne = new Map<string, Plan>();
  /** By the JSON of the keys, sorted and in the orders that came. */
  readonly #plans = new Map<string, Plan>();
  #keySets = 0;
  readonly #keyOf = new Map<string, string>();
  readonly #schemaOf = new Map<string, Schema>();
  // One event records to many instruments with one object: the last one, the place of its row in every column, and the
  // numbers of the columns that lie beside its start time, are found without a look-up.
  lastAttributes: Attributes = {};
  lastSeries: EngineSeries | undefined;
  lastSchema: Schema | undefined;
  lastPage = 0;
  lastSlot = 0;
  /** NaN where there is no point. */
  lastCells: Float64Array = NO_CELLS;
  lastAt = 0;
  #ordinal = 0;

  constructor(options: SeriesRegistryOptions) {
    this.#options = options;
    // It keeps its name, whatever else would be the same label.
    guardKeys([options.owner], this.#keyOf, () => {});
  }

  /** Series with an ordinal from this one on do not exist yet. */
  get nextOrdinal(): number {
    return this.#ordinal;
  }

  /** The series that this very object stands for, if it is known. */
  known(attributes: Attributes = NO_ATTRIBUTES): EngineSeries | undefined {
    return attributes === this.lastAttributes || this.turnTo(attributes) ? this.lastSeries : undefined;
  }

  /** Makes them the last ones, if they are known. */
  turnTo(attributes: Attributes | undefined): boolean {
    const series = this.#byIdentity.get(attributes!);
    if (series === undefined) return false;
    const { row, schema } = series;
    if (row < 0) return false;
    this.lastAttributes = attributes!;
    this.lastSeries = series;
    this.lastSchema = schema;
    this.lastPage = row >>> PAGE_SHIFT;
    this.lastSlot = row & PAGE_MASK;
    // There for as long as the series is: its start time is in it.
    this.lastCells = schema.starts.page(row)!;
    this.lastAt = schema.starts.offset(row);
    return true;
  }

  forgetLast(): void {
    this.lastAttributes = {};
    this.lastSeries = undefined;
  }

  /**
   * The series by the content of the attributes. Where there is none yet, `admits` decides whether it is made.
   * Undefined: it was not, or there are too many different sets of keys.
   */
  resolve(given: Attributes | undefined, admits: () => boolean = () => true): EngineSeries | undefined {
    const attributes = typeof given === 'object' && given !== null ? given : NO_ATTRIBUTES;
    let keys = Object.keys(attributes);
    const guarded = new Map<string, AttributeValue>();
    for (const key of keys) {
      const value = guardedValue(attributes, key);
      if (value !== undefined) guarded.set(key, value);
    }
    if (guarded.size < keys.length) keys = [...guarded.keys()];
    const plan = this.#plan(keys);
    if (plan === undefined) return undefined;
    const values = plan.sources.map((source) => guarded.get(source)!);
    const isUnchanging = isUnchangingObject(attributes);
    let series = plan.schema.find(values);
    if (series === undefined) {
      if (!admits()) return undefined;
      const own = isUnchanging && isInOrder(attributes, plan.schema.keys, values) ? attributes : undefined;
      series = plan.schema.add(values, this.#ordinal++, this.#options.now(), own);
    }
    if (isUnchanging) this.#byIdentity.set(attributes, series);
    return series;
  }

  /** What takes the measurements that are beyond a limit. */
  overflow(): EngineSeries {
    return this.known(OVERFLOW) ?? this.resolve(OVERFLOW)!;
  }

  /** To be called when an instrument has let go of a point. */
  release(series: EngineSeries): void {
    series.points -= 1;
    if (series.points === 0) this.#forget(series);
  }

  /**
   * Every series that has all of these attributes, with values of the same text; none where one of them is no value, since
   * no series has it. Cheap where the owner is among them.
   */
  matching(attributes: Attributes): EngineSeries[] {
    const raw = Object.keys(attributes);
    if (!raw.every((key) => isKnownKey(key, this.#keyOf))) return [];
    const { keys, sources } = guardKeys(raw, this.#keyOf, () => {});
    const wanted: (readonly [key: string, text: string])[] = [];
    for (const [index, key] of keys.entries()) {
      const value = guardedValue(attributes, sources[index]!);
      if (value === undefined) return [];
      wanted.push([key, valueText(value)]);
    }
    const owner = wanted.find(([key]) => key === this.#options.owner)?.[1];
    return this.schemas.flatMap((schema) => {
      if (!wanted.every(([key]) => schema.keys.includes(key))) return [];
      const candidates = owner === undefined ? schema.rows : schema.ownedBy(owner);
      return [...candidates].filter(
        (series): series is EngineSeries =>
          series !== undefined && wanted.every(([key, text]) => valueText(series.attributes[key]!) === text),
      );
    });
  }

  #forget(series: EngineSeries): void {
    if (this.lastSeries === series) this.forgetLast();
    // Left to the collector, the entries of pipelines that came and went would fill the table until the next full one.
    this.#byIdentity.delete(series.attributes);
    series.schema.delete(series);
  }

  #plan(rawKeys: readonly string[]): Plan | undefined {
    if (rawKeys.length === 1) {
      const [key = ''] = rawKeys;
      return this.#plansOfOne.get(key) ?? this.#addPlan(this.#plansOfOne, key, rawKeys);
    }
    const name = JSON.stringify(rawKeys);
    const known = this.#plans.get(name);
    if (known !== undefined) return known;
    const sorted = JSON.stringify([...rawKeys].sort());
    const plan = this.#plans.get(sorted) ?? this.#addPlan(this.#plans, sorted, rawKeys);
    if (plan !== undefined && this.#plans.size < MAX_KEY_ORDERS) this.#plans.set(name, plan);
    return plan;
  }

  #addPlan(plans: Map<string, Plan>, name: string, rawKeys: readonly string[]): Plan | undefined {
    // No attributes, and those of the overflow point, are not among what is bounded.
    const isBounded = rawKeys.length > 0 && !rawKeys.every((key) => key in OVERFLOW);
    if (isBounded && this.#keySets >= MAX_KEY_SETS) {
      this.#options.warn(`More than ${MAX_KEY_SETS} different sets of attribute keys: further ones share one series.`);
      return undefined;
    }
    if (isBounded) this.#keySets += 1;
    const { keys, sources }: GuardedKeys = guardKeys(rawKeys, this.#keyOf, this.#options.warn);
    const plan = { schema: this.#schema(keys), sources };
    plans.set(name, plan);
    return plan;
  }

  #schema(keys: readonly string[]): Schema {
    const name = JSON.stringify(keys);
    let schema = this.#schemaOf.get(name);
    if (schema === undefined) {
      schema = new Schema(this.schemas.length, keys, this.#options.owner);
      this.schemas.push(schema);
      this.#schemaOf.set(name, schema);
    }
    return schema;
  }
}

/** Undefined for what is no value. A getter that throws has one that nobody can read. */
function guardedValue(attributes: Attributes, key: string): AttributeValue | undefined {
  try {
    return guardValue(attributes[key]);
  } catch {
    return UNREADABLE;
  }
}

/** Whether the object can stand for the series as it is. */
function isInOrder(attributes: Attributes, keys: readonly string[], values: readonly AttributeValue[]): boolean {
  const own = Object.keys(attributes);
  return (
    own.length === keys.length && keys.every((key, index) => own[index] === key && attributes[key] === values[index])
  );
}
