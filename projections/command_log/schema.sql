CREATE SCHEMA command_log_v1;

CREATE TABLE command_log_v1.commands (
    space      text   NOT NULL,
    command_id uuid   NOT NULL,
    -- A key may come with commands on several aggregates.
    aggregate  text   NOT NULL,
    id         text   NOT NULL,
    seq        bigint NOT NULL,
    PRIMARY KEY (space, command_id, aggregate, id)
);

ALTER TABLE command_log_v1.commands ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON command_log_v1.commands FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA command_log_v1 TO brain_app;
GRANT SELECT ON command_log_v1.commands TO brain_app;
