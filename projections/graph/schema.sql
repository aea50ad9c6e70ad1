CREATE SCHEMA graph_v1;

CREATE TABLE graph_v1.nodes (
    space       text             NOT NULL,
    id          uuid             NOT NULL,
    -- The beginning of the first line.
    label       text             NOT NULL,
    memory_type text             NOT NULL,
    importance  double precision NOT NULL,
    deleted_at  timestamptz,
    ver         bigint           NOT NULL,
    PRIMARY KEY (space, id)
);

-- No foreign keys: whether an end lives is asked when the graph is read, so deleting a memory hides its edges and
-- restoring it brings them back.
CREATE TABLE graph_v1.edges (
    space             text             NOT NULL,
    id                uuid             NOT NULL,
    source_id         uuid             NOT NULL,
    relationship_type text             NOT NULL,
    target_id         uuid             NOT NULL,
    weight            double precision NOT NULL,
    properties        jsonb            NOT NULL,
    created_at        timestamptz      NOT NULL,
    updated_at        timestamptz      NOT NULL,
    deleted_at        timestamptz,
    revision          bigint           NOT NULL,
    ver               bigint           NOT NULL,
    PRIMARY KEY (space, id)
);

ALTER TABLE graph_v1.nodes ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON graph_v1.nodes FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));
ALTER TABLE graph_v1.edges ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_space ON graph_v1.edges FOR SELECT TO brain_app
    USING (space = current_setting('brain.space', true));

GRANT USAGE ON SCHEMA graph_v1 TO brain_app;
GRANT SELECT ON graph_v1.nodes, graph_v1.edges TO brain_app;
