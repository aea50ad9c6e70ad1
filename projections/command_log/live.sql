CREATE OR REPLACE VIEW live.commands WITH (security_invoker = true) AS
SELECT space, command_id, aggregate, id, seq
FROM command_log_v1.commands;

GRANT SELECT ON live.commands TO brain_app;
