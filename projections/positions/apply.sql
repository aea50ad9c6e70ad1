-- Only what raises the maximum is kept: the first position later than a time is always such a one.
WITH known AS (
    SELECT max(max_at) AS max_at FROM positions_v1.positions
), fresh AS (
    SELECT seq, at, max(at) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM staged
)
INSERT INTO positions_v1.positions (seq, max_at)
SELECT fresh.seq, fresh.at
FROM fresh CROSS JOIN known
WHERE fresh.at > coalesce(greatest(known.max_at, fresh.before), '-infinity');
