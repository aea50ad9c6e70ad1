CREATE INDEX memories_newest ON memories_v1.memories (space, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX memories_tags ON memories_v1.memories USING gin (tags) WHERE deleted_at IS NULL;
