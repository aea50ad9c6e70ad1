-- A command id of version 5 follows from an Idempotency-Key; one of version 7 was never sent before and is not asked for.
-- A short history is searched in the log itself.
INSERT INTO command_log_v1.commands (space, command_id, aggregate, id, seq)
SELECT space, command_id, aggregate, id, min(seq)
FROM staged
WHERE get_byte(uuid_send(command_id), 6) >> 4 = 5
GROUP BY space, command_id, aggregate, id
ON CONFLICT (space, command_id, aggregate, id) DO NOTHING;
