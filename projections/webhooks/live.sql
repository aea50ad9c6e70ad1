CREATE OR REPLACE VIEW live.webhooks WITH (security_invoker = true) AS
SELECT space, id, webhook, created_at, deleted_at, revision, ver
FROM webhooks_v1.webhooks;

GRANT SELECT ON live.webhooks TO brain_app;
