-- The state that stood before the batch ends where the batch's first state of the same memory begins.
WITH fresh AS (
    SELECT staged.*, staged.id::uuid AS memory_id,
           coalesce(lead(seq) OVER (PARTITION BY space, id ORDER BY seq), 9223372036854775807) AS to_seq
    FROM staged
), ended AS (
    UPDATE memory_history_v1.states AS states SET to_seq = first.seq
    FROM (SELECT space, memory_id, min(seq) AS seq FROM fresh GROUP BY space, memory_id) AS first
    WHERE states.space = first.space AND states.id = first.memory_id
      AND states.to_seq = 9223372036854775807 AND states.from_seq < first.seq
)
INSERT INTO memory_history_v1.states AS states (
    space, id, from_seq, to_seq, at, actor, type,
    content, memory_type, metadata, tags, importance,
    source_kind, source_uri, source_id, source_position, user_id, agent_id, run_id,
    occurred_at, created_at, updated_at, deleted_at, revision
)
SELECT fresh.space, fresh.memory_id, fresh.seq, fresh.to_seq, fresh.at, fresh.actor, fresh.type,
       memory.content, memory.memory_type, memory.metadata, memory.tags, memory.importance,
       source.kind, source.uri, source.id, source.position, memory.user_id, memory.agent_id, memory.run_id,
       memory.occurred_at, memory.created_at, memory.updated_at, memory.deleted_at, fresh.revision
FROM fresh
CROSS JOIN LATERAL jsonb_to_record(fresh.data) AS memory (
    content text, memory_type text, metadata jsonb, tags text[], importance double precision, source jsonb,
    user_id text, agent_id text, run_id text,
    occurred_at timestamptz, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz
)
LEFT JOIN LATERAL jsonb_to_record(memory.source) AS source (kind text, uri text, id text, position bigint)
    ON jsonb_typeof(memory.source) = 'object';
