-- A receipt may be of an earlier erasing event than the one that stands, when a log was put back: then it counts no more.
WITH receipts AS MATERIALIZED (
    SELECT space, id::uuid AS id, data, (data ->> 'erased_position')::bigint AS position
    FROM staged WHERE newest AND aggregate = 'erasure'
), wished AS MATERIALIZED (
    SELECT space, id::uuid AS id, seq AS position, (data ->> CASE type WHEN 'memory.sealed' THEN 'updated_at' ELSE 'erased_at' END)::timestamptz AS erased_at,
           actor, data ->> 'reason' AS reason, type = 'memory.sealed' AS is_sealing
    FROM staged WHERE newest AND aggregate = 'memory'
), completed AS (
    UPDATE erasures_v1.erasures AS erasures SET receipt = receipts.data
    FROM receipts
    WHERE erasures.space = receipts.space AND erasures.id = receipts.id AND erasures.position = receipts.position
)
INSERT INTO erasures_v1.erasures AS erasures (space, id, position, erased_at, actor, reason, receipt, is_sealing)
SELECT wished.space, wished.id, wished.position, wished.erased_at, wished.actor, wished.reason, receipts.data, wished.is_sealing
FROM wished LEFT JOIN receipts
    ON receipts.space = wished.space AND receipts.id = wished.id AND receipts.position = wished.position
ON CONFLICT (space, id) DO UPDATE SET
    position = excluded.position,
    erased_at = excluded.erased_at,
    actor = excluded.actor,
    reason = excluded.reason,
    receipt = excluded.receipt,
    is_sealing = excluded.is_sealing
WHERE erasures.position < excluded.position;
