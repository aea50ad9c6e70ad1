-- Every event carries the whole memory, so the newest one of the batch is the row.
INSERT INTO memories_v1.memories AS memories (
    space, id, content, content_hash, memory_type, metadata, tags, importance,
    source_kind, source_uri, source_id, source_position,
    user_id, agent_id, run_id,
    occurred_at, created_at, updated_at, deleted_at, revision, ver
)
SELECT staged.space, staged.id::uuid,
       memory.content, sha256(convert_to(memory.content, 'UTF8')), memory.memory_type, memory.metadata, memory.tags, memory.importance,
       source.kind, source.uri, source.id, source.position,
       memory.user_id, memory.agent_id, memory.run_id,
       memory.occurred_at, memory.created_at, memory.updated_at, memory.deleted_at, staged.revision, staged.seq
FROM staged
CROSS JOIN LATERAL jsonb_to_record(staged.data) AS memory (
    content text, memory_type text, metadata jsonb, tags text[], importance double precision, source jsonb,
    user_id text, agent_id text, run_id text,
    occurred_at timestamptz, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz
)
LEFT JOIN LATERAL jsonb_to_record(memory.source) AS source (kind text, uri text, id text, position bigint)
    ON jsonb_typeof(memory.source) = 'object'
WHERE staged.newest
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
    ver = excluded.ver
WHERE memories.ver < excluded.ver;
