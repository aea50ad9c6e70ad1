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
    occurred_at, created_at, updated_at, deleted_at, revision, title
)
SELECT space, memory_id, seq, to_seq, at, actor, type,
       content, memory_type, metadata, tags, importance,
       source_kind, source_uri, source_id, source_position, user_id, agent_id, run_id,
       occurred_at, created_at, updated_at, deleted_at, revision, title
FROM fresh;
