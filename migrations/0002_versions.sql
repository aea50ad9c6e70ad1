-- Several versions of a projection side by side: one is live, another may be filled beside it, the one before stays for a rollback.
ALTER TABLE brain.checkpoints
    -- live: shown and kept up to date. filling: a rebuild. retired: was live before. scratch: of a verification.
    ADD COLUMN state text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'filling', 'retired', 'scratch')),
    -- Whether the indexes that only readers need are made.
    ADD COLUMN indexed boolean NOT NULL DEFAULT true,
    -- What the rows follow from: another one means that the tables must be filled anew.
    ADD COLUMN fingerprint text NOT NULL DEFAULT '';
