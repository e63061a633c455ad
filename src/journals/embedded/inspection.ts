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

/** What the schema cannot enforce. */
const RULES: readonly Rule[] = [
  {
    sql: `SELECT key, deleted_to, min(seq) AS first, max(seq) AS last, count(*) AS count
      FROM streams JOIN events ON stream = streams.id GROUP BY streams.id
      HAVING first <> deleted_to + 1 OR last - first + 1 <> count`,
    finding: ({ key, deleted_to, first, last, count }) =>
      `${JSON.stringify(key)} has ${count} events from ${first} to ${last}, expected all from ${Number(deleted_to) + 1} on`,
  },
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

export function inspect(database: Database): Inspection {
  database.exec('BEGIN');
  try {
    const findings = (database.prepare('PRAGMA integrity_check(100)').all() as { integrity_check: string }[])
      .map(({ integrity_check }) => integrity_check)
      .filter((finding) => finding !== 'ok');
    for (const { sql, finding } of RULES) {
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
