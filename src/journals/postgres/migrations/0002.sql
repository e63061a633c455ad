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
