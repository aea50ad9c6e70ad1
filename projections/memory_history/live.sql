CREATE OR REPLACE VIEW live.memory_history WITH (security_invoker = true) AS
SELECT space, id, from_seq, to_seq, at, actor, type,
       content,
       CASE WHEN sealed IS NULL THEN left(coalesce(title, split_part(content, E'\n', 1)), 80) ELSE '[sensitive]' END AS label,
       memory_type, metadata, tags, importance,
       source_kind, source_uri, source_id, source_position,
       user_id, agent_id, run_id,
       occurred_at, created_at, updated_at, deleted_at, revision, title, erased_at, sealed
FROM memory_history_v1.states;

GRANT SELECT ON live.memory_history TO brain_app;
