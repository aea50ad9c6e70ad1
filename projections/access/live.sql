CREATE OR REPLACE VIEW live.spaces WITH (security_invoker = true) AS
SELECT id, created_at
FROM access_v1.spaces;

CREATE OR REPLACE VIEW live.keys WITH (security_invoker = true) AS
SELECT space, id, principal, label, scopes, issued_at, expires_at, revoked_at
FROM access_v1.keys;

GRANT SELECT ON live.spaces, live.keys TO brain_app;
