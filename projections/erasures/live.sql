CREATE OR REPLACE VIEW live.erasures WITH (security_invoker = true) AS
SELECT space, id, position, erased_at, actor, reason, receipt, is_sealing
FROM erasures_v1.erasures;

GRANT SELECT ON live.erasures TO brain_app;
