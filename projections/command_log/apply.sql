-- A command id of version 5 follows from an Idempotency-Key; one of version 7 was never sent before and is not asked for.
-- A short history is searched in the log itself. What was done to an erased aggregate before is gone from the log as well.
WITH erased AS (
    SELECT space, aggregate, id, max(seq) AS seq FROM staged WHERE type IN ('memory.sealed', 'memory.erased', 'relationship.erased')
    GROUP BY space, aggregate, id
), forgotten AS (
    DELETE FROM command_log_v1.commands AS commands USING erased
    WHERE commands.space = erased.space AND commands.aggregate = erased.aggregate AND commands.id = erased.id
      AND commands.seq < erased.seq
)
INSERT INTO command_log_v1.commands (space, command_id, aggregate, id, seq)
SELECT staged.space, staged.command_id, staged.aggregate, staged.id, min(staged.seq)
FROM staged LEFT JOIN erased
    ON erased.space = staged.space AND erased.aggregate = staged.aggregate AND erased.id = staged.id
WHERE get_byte(uuid_send(staged.command_id), 6) >> 4 = 5 AND staged.seq >= coalesce(erased.seq, 0)
GROUP BY staged.space, staged.command_id, staged.aggregate, staged.id
ON CONFLICT (space, command_id, aggregate, id) DO NOTHING;
