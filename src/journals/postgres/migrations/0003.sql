DROP FUNCTION append_events(json, json, uuid, boolean);

-- Stores the runs (one append each, one a key: its key, the sequence number before it, its epoch) that continue their
-- stream and whose lease, where there is one, still has its epoch; returns the keys of the others. Fails with
-- unique_violation where another writer stored one of the numbers after this statement had begun. Arrays, since reading
-- a row of JSON costs the server more than half of what storing it does.
CREATE FUNCTION append_events(
  run_keys text[], run_afters bigint[], run_epochs bigint[],
  event_keys text[], sequences bigint[], tag_lists text[], times double precision[], texts text[], metadata_texts text[],
  writer_id uuid
) RETURNS TABLE (refused_key text)
LANGUAGE plpgsql
-- The lengths of the arrays would tempt the server to plan each batch anew, which takes as long as storing twenty events.
SET plan_cache_mode = force_generic_plan
AS $append$
#variable_conflict use_column
BEGIN
  -- Nothing here may be planned as a loop over a loop, since the planner takes a batch for a few rows: what is kept
  -- from being a join is looked up by a hash table, and what a table holds by its index. The end of a stream is looked
  -- for from the number before the run on: an index page is read up to the bound, and streams are long.
  RETURN QUERY
  WITH runs AS MATERIALIZED (
    SELECT r.k COLLATE "C" AS k, r.a, r.e FROM unnest(run_keys, run_afters, run_epochs) AS r (k, a, e)
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
    SELECT k, a FROM allowed WHERE a = coalesce(
      (SELECT max(e.sequence) FROM {schema}.events e WHERE e.key = k AND e.sequence >= a),
      (SELECT t.deleted_to FROM {schema}.streams t WHERE t.key = k),
      0
    )
  ), stored AS (
    INSERT INTO {schema}.events (key, sequence, writer, tags, created_at, data, metadata)
    SELECT i.k, i.s, writer_id, i.t::text[], i.c, i.d, i.m
    FROM unnest(event_keys, sequences, tag_lists, times, texts, metadata_texts) AS i (k, s, t, c, d, m)
    WHERE (i.k COLLATE "C" IN (SELECT k FROM fitting)) IS TRUE ORDER BY i.k COLLATE "C", i.s
  ), begun AS (
    INSERT INTO {schema}.streams (key) SELECT k FROM fitting WHERE a = 0 ORDER BY k ON CONFLICT DO NOTHING
  )
  SELECT r.k::text FROM runs r WHERE (r.k IN (SELECT k FROM fitting)) IS NOT TRUE;
END $append$;
