-- Row security asks its own condition before any operator that is not known to keep secrets, so the index of tags served nobody: a page
-- of 20 memories with a tag that one in a thousand has read 21,000 rows. Comparing arrays of text tells nothing but its result. Only a
-- superuser may say so; where the owner is none, lists by tag stay right and slow.
DO $$
BEGIN
    ALTER FUNCTION pg_catalog.arraycontains(anyarray, anyarray) LEAKPROOF;
    ALTER FUNCTION pg_catalog.arrayoverlap(anyarray, anyarray) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END
$$;
