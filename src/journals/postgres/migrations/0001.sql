CREATE SEQUENCE ordinals;

CREATE TABLE streams (
  key text COLLATE "C" PRIMARY KEY,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  deleted_to bigint NOT NULL DEFAULT 0
);

CREATE TABLE events (
  key text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  ordinal bigint NOT NULL DEFAULT nextval('ordinals'),
  writer uuid NOT NULL,
  created_at double precision NOT NULL,
  tags text[] NOT NULL,
  data text NOT NULL,
  metadata text,
  PRIMARY KEY (key, sequence)
);
CREATE UNIQUE INDEX events_by_ordinal ON events (ordinal);
CREATE INDEX events_by_tag ON events USING gin (tags);
ALTER SEQUENCE ordinals OWNED BY events.ordinal;

CREATE TABLE snapshots (
  key text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  created_at double precision NOT NULL,
  state text NOT NULL,
  PRIMARY KEY (key, sequence)
);

CREATE TABLE projections (
  name text COLLATE "C" PRIMARY KEY,
  projected_to bigint NOT NULL
);

CREATE TABLE leases (
  key text COLLATE "C" PRIMARY KEY,
  owner text,
  epoch bigint NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

COMMENT ON COLUMN streams.deleted_to IS 'events up to this sequence number were deleted';
COMMENT ON COLUMN events.ordinal IS 'place in the order of the whole journal; complete only up to the oldest append in progress';
COMMENT ON COLUMN events.writer IS 'the journal object that wrote it, one for each opening';
COMMENT ON COLUMN events.created_at IS 'ms since the epoch';
COMMENT ON COLUMN events.data IS 'JSON, byte for byte as it was appended';
COMMENT ON COLUMN leases.owner IS 'null: released';
COMMENT ON COLUMN leases.epoch IS 'grows with every change of owner; an append under an older one is refused';
