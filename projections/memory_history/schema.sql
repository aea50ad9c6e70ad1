CREATE SCHEMA memory_history_v1;

CREATE TABLE memory_history_v1.states (
    space           text             NOT NULL,
    id              uuid             NOT NULL,
    -- It stood from this position up to, but not at, to_seq; the largest bigint while it stands.
    from_seq        bigint           NOT NULL,
    to_seq          bigint           NOT NULL,
    at              timestamptz      NOT NULL,
    actor           uuid             NOT NULL,
    type            text             NOT NULL,
    content         text             NOT NULL,
    memory_type     text             NOT NULL,
    metadata        jsonb            NOT NULL,
    tags            text[]           NOT NULL,
    importance      double precision NOT NULL,
    source_kind     text,
    source_uri      text,
    source_id       text,
    source_position bigint,
    user_id         text,
    agent_id        text,
    run_id          text,
    occurred_at     timestamptz,
    created_at      timestamptz      NOT NULL,
    updated_at      timestamptz      NOT NULL,
    deleted_at      timestamptz,
    revision        bigint           NOT NULL,
    title           text,
    erased_at       timestamptz,
    sealed          text,
    PRIMARY KEY (space, id, from_seq)
);

-- The one state of a memory that still stands. Not unique: the old one ends in the same statement that adds the new one.
CREATE INDEX states_standing ON memory_history_v1.states (space, id) WHERE to_seq = 9223372036854775807;

ALTER TABLE memory_history_v1.states ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON memory_history_v1.states FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA memory_history_v1 TO brain_app;
GRANT SELECT ON memory_history_v1.states TO brain_app;
