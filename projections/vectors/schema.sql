CREATE EXTENSION IF NOT EXISTS vector;

CREATE SCHEMA vectors_v1;

CREATE TABLE vectors_v1.vectors (
    space           text         NOT NULL,
    id              uuid         NOT NULL,
    -- SHA-256 of the content that the vector stands for.
    content_hash    bytea        NOT NULL,
    embedding       halfvec(384) NOT NULL,
    -- The position in DERIVED: a guard against older facts, no content.
    ver             bigint       NOT NULL,
    PRIMARY KEY (space, id)
);
-- Vectors are short enough to stay in the row, where a scan finds them at once.
ALTER TABLE vectors_v1.vectors ALTER COLUMN embedding SET STORAGE PLAIN;

-- Everything in EVENTS up to `position` has its vector, or needs none.
CREATE TABLE vectors_v1.embedder (
    model    text   PRIMARY KEY,
    position bigint NOT NULL,
    ver      bigint NOT NULL
);

ALTER TABLE vectors_v1.vectors ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON vectors_v1.vectors FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA vectors_v1 TO brain_app;
GRANT SELECT ON vectors_v1.vectors, vectors_v1.embedder TO brain_app;
