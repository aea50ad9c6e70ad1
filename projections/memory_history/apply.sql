-- The state that stood before the batch ends where the batch's first state of the same memory begins.
-- An erased memory has no past, nor has one that has become sensitive: the log no longer holds it either, sooner or later.
WITH erased AS (
    SELECT space, id, max(seq) AS seq FROM staged WHERE type IN ('memory.sealed', 'memory.erased') GROUP BY space, id
), forgotten AS (
    DELETE FROM memory_history_v1.states AS states USING erased
    WHERE states.space = erased.space AND states.id = erased.id::uuid AND states.from_seq < erased.seq
), fresh AS (
    SELECT staged.*, staged.id::uuid AS memory_id, erased.seq IS NOT NULL AS is_erased,
           coalesce(lead(staged.seq) OVER (PARTITION BY staged.space, staged.id ORDER BY staged.seq), 9223372036854775807) AS to_seq
    FROM staged LEFT JOIN erased ON erased.space = staged.space AND erased.id = staged.id
    WHERE staged.seq >= coalesce(erased.seq, 0)
), ended AS (
    UPDATE memory_history_v1.states AS states SET to_seq = first.seq
    FROM (SELECT space, memory_id, min(seq) AS seq FROM fresh WHERE NOT is_erased GROUP BY space, memory_id) AS first
    WHERE states.space = first.space AND states.id = first.memory_id
      AND states.to_seq = 9223372036854775807 AND states.from_seq < first.seq
)
INSERT INTO memory_history_v1.states AS states (
    space, id, from_seq, to_seq, at, actor, type,
    content, memory_type, metadata, tags, importance,
    source_kind, source_uri, source_id, source_position, user_id, agent_id, run_id,
    occurred_at, created_at, updated_at, deleted_at, revision, title, erased_at, sealed
)
SELECT space, memory_id, seq, to_seq, at, actor, type,
       coalesce(content, ''), memory_type, coalesce(metadata, '{}'), coalesce(tags, '{}'), importance,
       source_kind, source_uri, source_id, source_position, user_id, agent_id, run_id,
       occurred_at, created_at, updated_at, deleted_at, revision, title, erased_at, sealed
FROM fresh;
