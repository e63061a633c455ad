import type { Database } from './driver.ts';
import type { Positions } from './positions.ts';

const CACHE_LIMIT = 100_000;

/** A map that forgets its oldest entries rather than grow without end. */
class BoundedMap<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): V {
    if (this.#entries.size >= CACHE_LIMIT && !this.#entries.has(key)) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, value);
    return value;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

export interface Stream {
  readonly id: number;
  highest: number;
  deletedTo: number;
}

/** The streams of one writing connection. What it remembers is true only while that connection's commits succeed. */
export class Streams {
  readonly #known = new BoundedMap<Stream>();
  readonly #positions: Positions;
  readonly #select;
  readonly #insert;
  readonly #remove;

  constructor(database: Database, positions: Positions) {
    this.#positions = positions;
    this.#select = database.prepare(`
      SELECT id, deleted_to AS deletedTo,
        max(deleted_to, coalesce((SELECT max(seq) FROM positions WHERE stream = streams.id), 0)) AS highest
      FROM streams WHERE key = ?`);
    this.#insert = database.prepare('INSERT INTO streams(key) VALUES (?)');
    this.#remove = database.prepare('DELETE FROM streams WHERE id = ?');
  }

  find(key: string): Stream | undefined {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const row = this.#select.get(key) as Stream | undefined;
    if (row === undefined) return undefined;
    const { id, deletedTo, highest } = row;
    return this.#known.set(key, { id, deletedTo, highest: Math.max(highest, this.#positions.highest(id)) });
  }

  create(key: string): Stream {
    const id = Number(this.#insert.run(key).lastInsertRowid);
    return this.#known.set(key, { id, highest: 0, deletedTo: 0 });
  }

  forget(key: string): void {
    this.#known.delete(key);
  }

  remove(key: string, stream: Stream): void {
    this.#remove.run(stream.id);
    this.forget(key);
  }
}

/** Each distinct list of tags, as JSON text, has a number; and each tag knows the numbers that hold it. */
export class TagSets {
  readonly #known = new BoundedMap<number>();
  readonly #select;
  readonly #insert;
  readonly #insertTag;
  readonly #insertMember;

  constructor(database: Database) {
    this.#select = database.prepare('SELECT id FROM tag_sets WHERE tags = ?');
    this.#insert = database.prepare('INSERT INTO tag_sets(tags) VALUES (?)');
    this.#insertTag = database.prepare('INSERT INTO tags(tag) VALUES (?) ON CONFLICT DO NOTHING');
    this.#insertMember = database.prepare(
      'INSERT INTO tag_set_members(tag, tag_set) SELECT id, ? FROM tags WHERE tag = ? ON CONFLICT DO NOTHING',
    );
  }

  idOf(tags: string): number {
    return this.#known.get(tags) ?? this.#known.set(tags, this.#load(tags));
  }

  #load(tags: string): number {
    const row = this.#select.get(tags) as { id: number } | undefined;
    if (row !== undefined) return row.id;
    const id = Number(this.#insert.run(tags).lastInsertRowid);
    for (const tag of JSON.parse(tags) as string[]) {
      this.#insertTag.run(tag);
      this.#insertMember.run(id, tag);
    }
    return id;
  }
}
