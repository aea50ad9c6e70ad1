-- Where one user owns the database, readers act as brain_app by taking that role on, which its creator may grant itself.
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'brain_app', 'MEMBER') THEN
        EXECUTE format('GRANT brain_app TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    -- Readers have a login of their own then, as with the embedded servers.
    NULL;
END
$$;
