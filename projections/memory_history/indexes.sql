CREATE INDEX states_newest ON memory_history_v1.states (space, created_at DESC, id DESC) WHERE deleted_at IS NULL;
