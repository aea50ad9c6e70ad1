WITH nodes AS (
    INSERT INTO graph_v1.nodes AS nodes (space, id, label, memory_type, importance, deleted_at, ver)
    SELECT staged.space, staged.id::uuid,
           CASE WHEN memory.sensitive THEN '[sensitive]'
                ELSE left(coalesce(memory.title, split_part(memory.content, E'\n', 1), ''), 80) END,
           memory.memory_type, memory.importance, memory.deleted_at, staged.seq
    FROM staged
    CROSS JOIN LATERAL jsonb_to_record(staged.data) AS memory (
        title text, content text, memory_type text, importance double precision, deleted_at timestamptz, sensitive boolean
    )
    WHERE staged.newest AND staged.aggregate = 'memory'
    ON CONFLICT (space, id) DO UPDATE SET
        label = excluded.label,
        memory_type = excluded.memory_type,
        importance = excluded.importance,
        deleted_at = excluded.deleted_at,
        ver = excluded.ver
    WHERE nodes.ver < excluded.ver
)
INSERT INTO graph_v1.edges AS edges (
    space, id, source_id, relationship_type, target_id, weight, properties, created_at, updated_at, deleted_at, revision, ver
)
SELECT staged.space, staged.id::uuid, edge.source_id, edge.relationship_type, edge.target_id, edge.weight, edge.properties,
       edge.created_at, edge.updated_at, edge.deleted_at, staged.revision, staged.seq
FROM staged
CROSS JOIN LATERAL jsonb_to_record(staged.data) AS edge (
    source_id uuid, relationship_type text, target_id uuid, weight double precision, properties jsonb,
    created_at timestamptz, updated_at timestamptz, deleted_at timestamptz
)
WHERE staged.newest AND staged.aggregate = 'relationship'
ON CONFLICT (space, id) DO UPDATE SET
    weight = excluded.weight,
    properties = excluded.properties,
    created_at = excluded.created_at,
    updated_at = excluded.updated_at,
    deleted_at = excluded.deleted_at,
    revision = excluded.revision,
    ver = excluded.ver
WHERE edges.ver < excluded.ver;
