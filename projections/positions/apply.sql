-- Only what raises the maximum is kept: the first position later than a time is always such a one.
-- An erasing event tells where its aggregate's older events stood, which may be gone from the log: a replay puts them back in their
-- places, and takes away what they outdo.
WITH known AS (
    SELECT max(max_at) AS max_at FROM positions_v1.positions
), told AS (
    SELECT seq, at, false AS is_older FROM staged
    UNION ALL
    SELECT (older ->> 'position')::bigint, (older ->> 'at')::timestamptz, true
    FROM staged CROSS JOIN LATERAL jsonb_array_elements(staged.data -> 'older') AS older
    WHERE staged.type IN ('memory.sealed', 'memory.erased', 'relationship.erased')
), ranked AS (
    SELECT seq, at, is_older, max(at) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM told
), risen AS (
    SELECT ranked.seq, ranked.at, ranked.is_older
    FROM ranked CROSS JOIN known
    WHERE ranked.at > coalesce(greatest(ranked.before, CASE WHEN ranked.is_older THEN (
        SELECT max_at FROM positions_v1.positions AS earlier WHERE earlier.seq <= ranked.seq ORDER BY earlier.seq DESC LIMIT 1
    ) ELSE known.max_at END), '-infinity')
), outdone AS (
    DELETE FROM positions_v1.positions AS later USING risen
    WHERE risen.is_older AND later.seq > risen.seq AND later.max_at <= risen.at
)
INSERT INTO positions_v1.positions (seq, max_at)
SELECT seq, at FROM risen
ON CONFLICT (seq) DO NOTHING;
