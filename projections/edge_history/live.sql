CREATE OR REPLACE VIEW live.edge_history WITH (security_invoker = true) AS
SELECT space, id, from_seq, to_seq, at, actor, type,
       source_id, relationship_type, target_id, weight, properties, created_at, updated_at, deleted_at, revision
FROM edge_history_v1.states;

GRANT SELECT ON live.edge_history TO brain_app;
