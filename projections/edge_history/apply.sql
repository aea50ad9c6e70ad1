-- The state that stood before the batch ends where the batch's first state of the same relationship begins.
-- One that was erased has no past: the log no longer holds it either, sooner or later.
WITH erased AS (
    SELECT space, id, max(seq) AS seq FROM staged WHERE type = 'relationship.erased' GROUP BY space, id
), forgotten AS (
    DELETE FROM edge_history_v1.states AS states USING erased
    WHERE states.space = erased.space AND states.id = erased.id::uuid AND states.from_seq < erased.seq
), fresh AS (
    SELECT staged.*, staged.id::uuid AS relationship_id, erased.seq IS NOT NULL AS is_erased,
           coalesce(lead(staged.seq) OVER (PARTITION BY staged.space, staged.id ORDER BY staged.seq), 9223372036854775807) AS to_seq
    FROM staged LEFT JOIN erased ON erased.space = staged.space AND erased.id = staged.id
    WHERE staged.seq >= coalesce(erased.seq, 0)
), ended AS (
    UPDATE edge_history_v1.states AS states SET to_seq = first.seq
    FROM (SELECT space, relationship_id, min(seq) AS seq FROM fresh WHERE NOT is_erased GROUP BY space, relationship_id) AS first
    WHERE states.space = first.space AND states.id = first.relationship_id
      AND states.to_seq = 9223372036854775807 AND states.from_seq < first.seq
)
INSERT INTO edge_history_v1.states AS states (
    space, id, from_seq, to_seq, at, actor, type,
    source_id, relationship_type, target_id, weight, properties, created_at, updated_at, deleted_at, revision
)
SELECT fresh.space, fresh.relationship_id, fresh.seq, fresh.to_seq, fresh.at, fresh.actor, fresh.type,
       edge.source_id, edge.relationship_type, edge.target_id, edge.weight, edge.properties,
       edge.created_at, edge.updated_at, edge.deleted_at, fresh.revision
FROM fresh
CROSS JOIN LATERAL jsonb_to_record(fresh.data) AS edge (
    source_id uuid, relationship_type text, target_id uuid, weight double precision, properties jsonb,
    created_at timestamptz, updated_at timestamptz, deleted_at timestamptz
);
