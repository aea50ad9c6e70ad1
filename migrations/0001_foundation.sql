-- The frame that every projection stands in. Runs as brain_owner, once per database.
-- brain: what the engine keeps for itself. live: the views that queries read.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'brain_app') THEN
        CREATE ROLE brain_app LOGIN;
    END IF;
END
$$;

CREATE SCHEMA brain;
CREATE SCHEMA live;

-- How far each version of a projection has come. Whoever owns the projection knows the newest epoch.
CREATE TABLE brain.checkpoints (
    projection  text        NOT NULL,
    version     integer     NOT NULL,
    -- Stem of the stream that applied_seq counts in.
    stream      text        NOT NULL,
    applied_seq bigint      NOT NULL DEFAULT 0,
    epoch       bigint      NOT NULL DEFAULT 0,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, version)
);

-- Which version of a projection the views in `live` show.
CREATE TABLE brain.live (
    projection text    PRIMARY KEY,
    version    integer NOT NULL,
    FOREIGN KEY (projection, version) REFERENCES brain.checkpoints (projection, version)
);

-- Events that could not be applied, and the later events of their aggregates, in order.
-- A message that could not even be decoded has empty ids and no event.
CREATE TABLE brain.parked (
    projection text        NOT NULL,
    version    integer     NOT NULL,
    space      text        NOT NULL,
    aggregate  text        NOT NULL,
    id         text        NOT NULL,
    seq        bigint      NOT NULL,
    event      jsonb,
    error      text        NOT NULL,
    parked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, version, seq)
);
CREATE INDEX parked_by_aggregate ON brain.parked (projection, version, space, aggregate, id);

GRANT USAGE ON SCHEMA brain, live TO brain_app;
GRANT SELECT ON brain.checkpoints, brain.live TO brain_app;
-- Not the event and the error: they hold what other spaces have said.
GRANT SELECT (projection, version, space, aggregate, id, seq, parked_at) ON brain.parked TO brain_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT ON TABLES TO brain_app;
