CREATE OR REPLACE VIEW live.memories WITH (security_invoker = true) AS
SELECT space, id, content, content_hash, memory_type, metadata, tags, importance,
       source_kind, source_uri, source_id, source_position,
       user_id, agent_id, run_id,
       occurred_at, created_at, updated_at, deleted_at, revision, ver, title, erased_at, sealed
FROM memories_v1.memories;

GRANT SELECT ON live.memories TO brain_app;
