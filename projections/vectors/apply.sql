-- Facts of other models stand in the same stream and belong to other versions of this projection.
WITH facts AS MATERIALIZED (
    SELECT DISTINCT ON (aggregate, space, id) type, space, id, data, seq
    FROM staged
    WHERE data ->> 'model' = 'minilm-l6-v2'
    ORDER BY aggregate, space, id, seq DESC
), advanced AS (
    INSERT INTO vectors_v1.embedder AS embedder (model, position, ver)
    SELECT data ->> 'model', (data ->> 'position')::bigint, seq
    FROM facts WHERE type = 'embedder.advanced'
    ON CONFLICT (model) DO UPDATE SET position = excluded.position, ver = excluded.ver
    WHERE embedder.ver < excluded.ver
), erased AS MATERIALIZED (
    SELECT space, id::uuid AS id, seq FROM facts WHERE type = 'embedding.erased'
), forgotten AS (
    DELETE FROM vectors_v1.vectors AS vectors USING erased
    WHERE vectors.space = erased.space AND vectors.id = erased.id AND vectors.ver < erased.seq
)
INSERT INTO vectors_v1.vectors AS vectors (space, id, content_hash, embedding, ver)
SELECT space, id::uuid, decode(data ->> 'content_hash', 'hex'), (data ->> 'vector')::halfvec(384), seq
FROM facts WHERE type = 'embedding.computed'
ON CONFLICT (space, id) DO UPDATE SET
    content_hash = excluded.content_hash,
    embedding = excluded.embedding,
    ver = excluded.ver
WHERE vectors.ver < excluded.ver;
