-- Memories can be sensitive: what they say is sealed. The tables are filled anew beside those that are live; until they are, reads find the
-- columns in these.
DO $$
DECLARE
    version record;
BEGIN
    FOR version IN
        SELECT c.projection, format('%s_v%s.%s', c.projection, c.version, t.name) AS table_name, l.version IS NOT NULL AS is_live
        FROM brain.checkpoints c
        JOIN (VALUES ('memories', 'memories'), ('memory_history', 'states')) AS t (projection, name) USING (projection)
        LEFT JOIN brain.live l USING (projection, version)
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN sealed text', version.table_name);
        IF version.is_live AND version.projection = 'memories' THEN
            EXECUTE format(
                'CREATE OR REPLACE VIEW live.memories WITH (security_invoker = true) AS
                 SELECT space, id, content, content_hash, memory_type, metadata, tags, importance,
                        source_kind, source_uri, source_id, source_position, user_id, agent_id, run_id,
                        occurred_at, created_at, updated_at, deleted_at, revision, ver, title, erased_at, sealed
                 FROM %s', version.table_name);
        ELSIF version.is_live THEN
            EXECUTE format(
                'CREATE OR REPLACE VIEW live.memory_history WITH (security_invoker = true) AS
                 SELECT space, id, from_seq, to_seq, at, actor, type,
                        content, CASE WHEN sealed IS NULL THEN left(coalesce(title, split_part(content, E''\n'', 1)), 80) ELSE ''[sensitive]'' END AS label,
                        memory_type, metadata, tags, importance,
                        source_kind, source_uri, source_id, source_position, user_id, agent_id, run_id,
                        occurred_at, created_at, updated_at, deleted_at, revision, title, erased_at, sealed
                 FROM %s', version.table_name);
        END IF;
    END LOOP;
END $$;

DO $$
DECLARE
    version record;
BEGIN
    FOR version IN
        SELECT format('erasures_v%s.erasures', c.version) AS table_name, l.version IS NOT NULL AS is_live
        FROM brain.checkpoints c LEFT JOIN brain.live l USING (projection, version)
        WHERE c.projection = 'erasures'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN is_sealing boolean NOT NULL DEFAULT false', version.table_name);
        IF version.is_live THEN
            EXECUTE format(
                'CREATE OR REPLACE VIEW live.erasures WITH (security_invoker = true) AS
                 SELECT space, id, position, erased_at, actor, reason, receipt, is_sealing FROM %s', version.table_name);
        END IF;
    END LOOP;
END $$;
