WITH spaces AS (
    INSERT INTO access_v1.spaces AS spaces (id, created_at, ver)
    SELECT data ->> 'id', (data ->> 'created_at')::timestamptz, seq
    FROM staged WHERE newest AND aggregate = 'space'
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, ver = excluded.ver
    WHERE spaces.ver < excluded.ver
)
INSERT INTO access_v1.keys AS keys (space, id, principal, label, scopes, issued_at, expires_at, revoked_at, ver)
SELECT data ->> 'space', (data ->> 'id')::uuid, (data ->> 'principal')::uuid, data ->> 'label',
       ARRAY(SELECT scope FROM jsonb_array_elements_text(data -> 'scopes') WITH ORDINALITY AS scopes (scope, place) ORDER BY place),
       (data ->> 'issued_at')::timestamptz, (data ->> 'expires_at')::timestamptz, (data ->> 'revoked_at')::timestamptz, seq
FROM staged WHERE newest AND aggregate = 'key'
ON CONFLICT (space, id) DO UPDATE SET
    label = excluded.label,
    scopes = excluded.scopes,
    expires_at = excluded.expires_at,
    revoked_at = excluded.revoked_at,
    ver = excluded.ver
WHERE keys.ver < excluded.ver;
