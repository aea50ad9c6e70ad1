CREATE OR REPLACE VIEW live.vectors WITH (security_invoker = true) AS
SELECT space, id, content_hash, embedding
FROM vectors_v1.vectors;

CREATE OR REPLACE VIEW live.embedder WITH (security_invoker = true) AS
SELECT model, position
FROM vectors_v1.embedder;

GRANT SELECT ON live.vectors, live.embedder TO brain_app;
