CREATE SCHEMA positions_v1;

-- Clocks may step back between two events; the maximum so far does not, so both columns rise together.
CREATE TABLE positions_v1.positions (
    seq    bigint      PRIMARY KEY,
    max_at timestamptz NOT NULL
);

GRANT USAGE ON SCHEMA positions_v1 TO brain_app;
GRANT SELECT ON positions_v1.positions TO brain_app;
