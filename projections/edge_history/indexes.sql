CREATE INDEX states_out ON edge_history_v1.states (space, source_id) WHERE deleted_at IS NULL;
CREATE INDEX states_in ON edge_history_v1.states (space, target_id) WHERE deleted_at IS NULL;
