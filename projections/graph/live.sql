CREATE OR REPLACE VIEW live.nodes WITH (security_invoker = true) AS
SELECT space, id, label, memory_type, importance, deleted_at
FROM graph_v1.nodes;

CREATE OR REPLACE VIEW live.edges WITH (security_invoker = true) AS
SELECT space, id, source_id, relationship_type, target_id, weight, properties, created_at, updated_at, deleted_at, revision
FROM graph_v1.edges;

GRANT SELECT ON live.nodes, live.edges TO brain_app;
