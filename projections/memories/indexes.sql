CREATE INDEX memories_newest ON memories_v1.memories (space, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX memories_tags ON memories_v1.memories USING gin (tags) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS memories_places ON memories_v1.memories (space, source_id, source_position)
    WHERE deleted_at IS NULL AND source_position IS NOT NULL;
