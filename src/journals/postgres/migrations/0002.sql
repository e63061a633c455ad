ALTER TABLE leases ADD COLUMN takeover_epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN is_retired boolean NOT NULL DEFAULT false;

CREATE TABLE nodes (
  name text COLLATE "C" PRIMARY KEY,
  incarnation uuid NOT NULL,
  address text,
  version text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

COMMENT ON COLUMN leases.takeover_epoch IS 'epoch of the last owner who took over from one that had not let go; 0: never';
COMMENT ON COLUMN leases.is_retired IS 'true: nobody needs to own the key until it is acquired again';
COMMENT ON TABLE nodes IS 'the processes that share the keys, as they report themselves';

-- Stores the runs (one append each, one a key: k, a: the sequence number before, e: the epoch, n: how many events) that
-- continue their stream and whose lease, where there is one, still has its epoch. Returns those that were not stored;
-- where `whole` is true it fails rather than store one of them in part.
CREATE FUNCTION append_events(run_list json, event_list json, writer_id uuid, whole boolean)
RETURNS TABLE (refused_key text, is_in_part boolean)
LANGUAGE plpgsql AS $append$
#variable_conflict use_column
BEGIN
  -- Nothing here may be planned as a loop over a loop, since the planner takes a batch for a hundred rows: what is kept
  -- from being a join is looked up by a hash table, and what a table holds by its index.
  RETURN QUERY
  WITH runs AS MATERIALIZED (
    SELECT * FROM json_to_recordset(run_list) AS r (k text COLLATE "C", a bigint, e bigint, n bigint)
  ), owned AS MATERIALIZED (
    SELECT l.key AS k, r.a FROM runs r JOIN {schema}.leases l ON l.key = r.k AND l.epoch = r.e
    WHERE l.owner IS NOT NULL ORDER BY l.key FOR SHARE OF l
  ), allowed AS MATERIALIZED (
    SELECT k, a FROM owned
    UNION ALL
    SELECT k, a FROM runs r WHERE r.e IS NULL AND NOT EXISTS (
      SELECT FROM {schema}.leases l WHERE l.key = r.k AND l.owner IS NOT NULL AND l.expires_at > clock_timestamp()
    )
  ), fitting AS MATERIALIZED (
    SELECT k FROM allowed WHERE a = greatest(
      (SELECT max(e.sequence) FROM {schema}.events e WHERE e.key = k),
      (SELECT t.deleted_to FROM {schema}.streams t WHERE t.key = k),
      0
    )
  ), stored AS (
    INSERT INTO {schema}.events (key, sequence, writer, tags, created_at, data, metadata)
    SELECT i.k, i.s, writer_id, i.t, i.c, i.d, i.m
    FROM json_to_recordset(event_list)
      AS i (k text COLLATE "C", s bigint, t text[], c double precision, d text, m text)
    WHERE (i.k IN (SELECT k FROM fitting)) IS TRUE ORDER BY i.k, i.s
    ON CONFLICT (key, sequence) DO NOTHING
    RETURNING key, sequence
  ), begun AS (
    INSERT INTO {schema}.streams (key) SELECT key FROM stored WHERE sequence = 1 ORDER BY key ON CONFLICT DO NOTHING
  )
  SELECT r.k::text, CASE
    WHEN (r.k IN (SELECT key FROM stored)) IS NOT TRUE THEN false
    WHEN whole THEN 1 / (r.n - r.n) = 0
    ELSE true
  END FROM runs r
  WHERE ((r.k, r.n) IN (SELECT key, count(*) FROM stored GROUP BY key)) IS NOT TRUE;
END $append$;
