CREATE SCHEMA edge_history_v1;

CREATE TABLE edge_history_v1.states (
    space             text             NOT NULL,
    id                uuid             NOT NULL,
    -- It stood from this position up to, but not at, to_seq; the largest bigint while it stands.
    from_seq          bigint           NOT NULL,
    to_seq            bigint           NOT NULL,
    at                timestamptz      NOT NULL,
    actor             uuid             NOT NULL,
    type              text             NOT NULL,
    source_id         uuid             NOT NULL,
    relationship_type text             NOT NULL,
    target_id         uuid             NOT NULL,
    weight            double precision NOT NULL,
    properties        jsonb            NOT NULL,
    created_at        timestamptz      NOT NULL,
    updated_at        timestamptz      NOT NULL,
    deleted_at        timestamptz,
    revision          bigint           NOT NULL,
    PRIMARY KEY (space, id, from_seq)
);

CREATE INDEX states_standing ON edge_history_v1.states (space, id) WHERE to_seq = 9223372036854775807;

ALTER TABLE edge_history_v1.states ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON edge_history_v1.states FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA edge_history_v1 TO brain_app;
GRANT SELECT ON edge_history_v1.states TO brain_app;
