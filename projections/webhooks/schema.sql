CREATE SCHEMA webhooks_v1;

CREATE TABLE webhooks_v1.webhooks (
    space      text        NOT NULL,
    id         uuid        NOT NULL,
    -- The endpoint in its stored shape; secrets and header values stand there sealed.
    webhook    jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    revision   bigint      NOT NULL,
    ver        bigint      NOT NULL,
    PRIMARY KEY (space, id)
);

ALTER TABLE webhooks_v1.webhooks ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON webhooks_v1.webhooks FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA webhooks_v1 TO brain_app;
GRANT SELECT ON webhooks_v1.webhooks TO brain_app;
