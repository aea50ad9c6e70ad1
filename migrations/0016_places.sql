-- A search looks at what stands beside what it found: by its source and its place there. Versions that are still being filled get the index
-- when they are indexed, see projections/memories/indexes.sql.
DO $$
DECLARE
    version record;
BEGIN
    FOR version IN SELECT format('memories_v%s', c.version) AS schema FROM brain.checkpoints c WHERE c.projection = 'memories' AND c.indexed
    LOOP
        EXECUTE format(
            'CREATE INDEX IF NOT EXISTS memories_places ON %I.memories (space, source_id, source_position)
             WHERE deleted_at IS NULL AND source_position IS NOT NULL', version.schema);
    END LOOP;
END $$;
