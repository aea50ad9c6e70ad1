-- Every event carries the whole memory, so the newest one of the batch is the row.
INSERT INTO memories_v1.memories AS memories (
    space, id, content, content_hash, memory_type, metadata, tags, importance,
    source_kind, source_uri, source_id, source_position,
    user_id, agent_id, run_id,
    occurred_at, created_at, updated_at, deleted_at, revision, ver
)
SELECT space, id::uuid,
       data ->> 'content', sha256(convert_to(data ->> 'content', 'UTF8')), data ->> 'memory_type', data -> 'metadata',
       ARRAY(SELECT tag FROM jsonb_array_elements_text(data -> 'tags') WITH ORDINALITY AS tags (tag, place) ORDER BY place),
       (data ->> 'importance')::double precision,
       data -> 'source' ->> 'kind', data -> 'source' ->> 'uri', data -> 'source' ->> 'id',
       (data -> 'source' ->> 'position')::bigint,
       data ->> 'user_id', data ->> 'agent_id', data ->> 'run_id',
       (data ->> 'occurred_at')::timestamptz, (data ->> 'created_at')::timestamptz,
       (data ->> 'updated_at')::timestamptz, (data ->> 'deleted_at')::timestamptz,
       revision, seq
FROM staged WHERE newest
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
