CREATE OR REPLACE VIEW live.positions WITH (security_invoker = true) AS
SELECT seq, max_at
FROM positions_v1.positions;

GRANT SELECT ON live.positions TO brain_app;
