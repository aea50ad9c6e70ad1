-- Both ways of walking are answered from the index alone.
CREATE INDEX edges_out ON graph_v1.edges (space, source_id) INCLUDE (target_id, relationship_type, weight, id) WHERE deleted_at IS NULL;
CREATE INDEX edges_in ON graph_v1.edges (space, target_id) INCLUDE (source_id, relationship_type, weight, id) WHERE deleted_at IS NULL;
