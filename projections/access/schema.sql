CREATE SCHEMA access_v1;

CREATE TABLE access_v1.spaces (
    id         text        PRIMARY KEY,
    created_at timestamptz NOT NULL,
    ver        bigint      NOT NULL
);

-- Without the secret's hash: whoever lists keys need not be able to guess at them.
CREATE TABLE access_v1.keys (
    space      text        NOT NULL,
    id         uuid        NOT NULL,
    principal  uuid        NOT NULL,
    label      text        NOT NULL,
    scopes     text[]      NOT NULL,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    ver        bigint      NOT NULL,
    PRIMARY KEY (space, id)
);

ALTER TABLE access_v1.spaces ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON access_v1.spaces FOR SELECT TO brain_app
    USING (id = current_setting('brain.space', true));
ALTER TABLE access_v1.keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON access_v1.keys FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA access_v1 TO brain_app;
GRANT SELECT ON access_v1.spaces, access_v1.keys TO brain_app;
