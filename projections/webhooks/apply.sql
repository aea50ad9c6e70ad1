INSERT INTO webhooks_v1.webhooks AS webhooks (space, id, webhook, created_at, deleted_at, revision, ver)
SELECT space, id::uuid, data, (data ->> 'created_at')::timestamptz, (data ->> 'deleted_at')::timestamptz, revision, seq
FROM staged
WHERE newest
ON CONFLICT (space, id) DO UPDATE SET
    webhook = excluded.webhook,
    created_at = excluded.created_at,
    deleted_at = excluded.deleted_at,
    revision = excluded.revision,
    ver = excluded.ver
WHERE webhooks.ver < excluded.ver;
