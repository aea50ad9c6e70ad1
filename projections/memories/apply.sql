-- Every event carries the whole memory, so the newest one of the batch is the row. Of an erased one it carries no text, of a
-- sensitive one none in the clear.
INSERT INTO memories_v1.memories AS memories (
    space, id, content, content_hash, memory_type, metadata, tags, importance,
    source_kind, source_uri, source_id, source_position,
    user_id, agent_id, run_id,
    occurred_at, created_at, updated_at, deleted_at, revision, ver, title, erased_at, sealed
)
SELECT space, id::uuid, coalesce(content, ''), sha256(convert_to(concat_ws(E'\n', title, content), 'UTF8')), memory_type,
       coalesce(metadata, '{}'), coalesce(tags, '{}'), importance,
       source_kind, source_uri, source_id, source_position,
       user_id, agent_id, run_id,
       occurred_at, created_at, updated_at, deleted_at, revision, seq, title, erased_at, sealed
FROM staged
WHERE newest
ON CONFLICT (space, id) DO UPDATE SET
    content = excluded.content,
    content_hash = excluded.content_hash,
    memory_type = excluded.memory_type,
    metadata = excluded.metadata,
    tags = excluded.tags,
    importance = excluded.importance,
    source_kind = excluded.source_kind,
    source_uri = excluded.source_uri,
    source_id = excluded.source_id,
    source_position = excluded.source_position,
    user_id = excluded.user_id,
    agent_id = excluded.agent_id,
    run_id = excluded.run_id,
    occurred_at = excluded.occurred_at,
    created_at = excluded.created_at,
    updated_at = excluded.updated_at,
    deleted_at = excluded.deleted_at,
    revision = excluded.revision,
    ver = excluded.ver,
    title = excluded.title,
    erased_at = excluded.erased_at,
    sealed = excluded.sealed
WHERE memories.ver < excluded.ver;
