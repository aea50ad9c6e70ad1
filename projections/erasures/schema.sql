CREATE SCHEMA erasures_v1;

CREATE TABLE erasures_v1.erasures (
    space       text        NOT NULL,
    -- The memory's.
    id          uuid        NOT NULL,
    -- Of the event that erased it.
    position    bigint      NOT NULL,
    erased_at   timestamptz NOT NULL,
    actor       uuid        NOT NULL,
    reason      text,
    -- Of the same event, once all is destroyed.
    receipt     jsonb,
    -- Whether the memory lives on, sensitive: only its past is destroyed.
    is_sealing  boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (space, id)
);

CREATE INDEX erasures_open ON erasures_v1.erasures (position) WHERE receipt IS NULL;

ALTER TABLE erasures_v1.erasures ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON erasures_v1.erasures FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA erasures_v1 TO brain_app;
GRANT SELECT ON erasures_v1.erasures TO brain_app;
