-- What is put aside is read from the log whenever it is shown or tried again. What an operator has let go stays on record.
ALTER TABLE brain.parked DROP COLUMN event;
ALTER TABLE brain.parked ADD COLUMN skipped_at timestamptz;
GRANT SELECT (skipped_at) ON brain.parked TO brain_app;

-- Why a version stands still until an operator helps.
ALTER TABLE brain.checkpoints ADD COLUMN stopped text;
