/**
 * Owns: the examination of a journal file, whole, and its copies.
 *
 * R1 An examination changes nothing and sees one state of the file, also while its owner goes on writing.
 */
import type { Database } from './driver.ts';
import type { Inspection } from './protocol.ts';

/** Findings of one kind that are told one by one. */
const TOLD = 20;

interface Rule {
  readonly sql: string;
  readonly finding: (row: Record<string, string | number>) => string;
}

const UNPLACED = "ordinal > (SELECT value FROM meta WHERE name = 'positions_to')";
const RANGE = 'stream, min(seq) AS first, max(seq) AS last, count(*) AS count';
/** The events of each stream, without sorting them: in the order of their positions, and then the few without one. */
const RANGES = `
  SELECT stream, min(first) AS first, max(last) AS last, sum(count) AS count FROM (
    SELECT ${RANGE} FROM (
      SELECT p.stream, p.seq FROM positions AS p CROSS JOIN events AS e
      ON e.ordinal = p.ordinal AND e.stream = p.stream AND e.seq = p.seq
    ) GROUP BY stream
    UNION ALL
    SELECT ${RANGE} FROM events WHERE ${UNPLACED} GROUP BY stream
  ) GROUP BY stream`;
/** Until schema 3 the events had an index of their own for it. */
const FORMER_RANGES = `SELECT ${RANGE} FROM events GROUP BY stream`;

const gaps = (ranges: string): Rule => ({
  sql: `SELECT key, deleted_to, first, last, count FROM (${ranges}) JOIN streams ON streams.id = stream
    WHERE first <> deleted_to + 1 OR last - first + 1 <> count`,
  finding: ({ key, deleted_to, first, last, count }) =>
    `${JSON.stringify(key)} has ${count} events from ${first} to ${last}, expected all from ${Number(deleted_to) + 1} on`,
});

const POSITIONS: Rule = {
  sql: `SELECT seq, ordinal FROM events AS e WHERE NOT ${UNPLACED} AND NOT EXISTS (
    SELECT 1 FROM positions AS p WHERE p.stream = e.stream AND p.seq = e.seq AND p.ordinal = e.ordinal)`,
  finding: ({ seq, ordinal }) => `event ${seq} at offset ${ordinal} is not found by its number`,
};

/** What the schema cannot enforce. */
const RULES: readonly Rule[] = [
  {
    sql: `SELECT seq, ordinal FROM events WHERE stream NOT IN (SELECT id FROM streams)`,
    finding: ({ seq, ordinal }) => `event ${seq} at offset ${ordinal} belongs to no pipeline`,
  },
  {
    sql: `SELECT key, seq FROM events JOIN streams ON streams.id = stream WHERE tag_set NOT IN (SELECT id FROM tag_sets)`,
    finding: ({ key, seq }) => `event ${seq} of ${JSON.stringify(key)} has lost its tags`,
  },
  {
    sql: `SELECT tags FROM tag_sets WHERE NOT json_valid(tags)`,
    finding: ({ tags }) => `the tag set ${tags} is not JSON`,
  },
  {
    sql: `SELECT tags, value FROM tag_sets, json_each(iif(json_valid(tags), tags, '[]')) WHERE NOT EXISTS (
      SELECT 1 FROM tags AS t JOIN tag_set_members AS m ON m.tag = t.id WHERE t.tag = value AND m.tag_set = tag_sets.id)`,
    finding: ({ tags, value }) => `events of the tag set ${tags} are not found by the tag ${JSON.stringify(value)}`,
  },
  {
    sql: `SELECT key, seq FROM events JOIN streams ON streams.id = stream WHERE NOT json_valid(data)`,
    finding: ({ key, seq }) => `event ${seq} of ${JSON.stringify(key)} is not JSON`,
  },
  {
    sql: `SELECT key, seq FROM snapshots WHERE NOT json_valid(state)`,
    finding: ({ key, seq }) => `the snapshot of ${JSON.stringify(key)} at ${seq} is not JSON`,
  },
];

function numberOf(database: Database, sql: string): number {
  return Object.values(database.prepare(sql).get() as Record<string, number>)[0]!;
}

/** `isFormer`: the file is of a schema before 3. */
export function inspect(database: Database, isFormer: boolean): Inspection {
  database.exec('BEGIN');
  try {
    const findings = (database.prepare('PRAGMA integrity_check(100)').all() as { integrity_check: string }[])
      .map(({ integrity_check }) => integrity_check)
      .filter((finding) => finding !== 'ok');
    const rules = isFormer ? [gaps(FORMER_RANGES), ...RULES] : [gaps(RANGES), POSITIONS, ...RULES];
    for (const { sql, finding } of rules) {
      let count = 0;
      for (const row of database.prepare(sql).iterate() as Iterable<Record<string, string | number>>) {
        count++;
        if (count <= TOLD) findings.push(finding(row));
      }
      if (count > TOLD) findings.push(`${count - TOLD} more of this kind`);
    }
    return {
      findings,
      keys: numberOf(database, 'SELECT count(*) FROM streams'),
      events: numberOf(database, 'SELECT count(*) FROM events'),
      snapshots: numberOf(database, 'SELECT count(*) FROM snapshots'),
    };
  } finally {
    database.exec('ROLLBACK');
  }
}
