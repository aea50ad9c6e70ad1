CREATE SCHEMA memories_v1;

CREATE TABLE memories_v1.memories (
    space           text             NOT NULL,
    id              uuid             NOT NULL,
    content         text             NOT NULL,
    -- SHA-256 of title and content: what a vector must stand for to count as this memory's.
    content_hash    bytea            NOT NULL,
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
    -- The log position of the event that the row shows: a guard against older events, no content.
    ver             bigint           NOT NULL,
    title           text,
    -- Since when nothing of it is left.
    erased_at       timestamptz,
    -- Title, content, metadata and source_uri of a sensitive memory, which are empty in their own columns.
    sealed          text,
    PRIMARY KEY (space, id)
);

-- The application sees one space per transaction, or nothing when it forgot to say which. The owner is not bound.
ALTER TABLE memories_v1.memories ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON memories_v1.memories FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA memories_v1 TO brain_app;
GRANT SELECT ON memories_v1.memories TO brain_app;
