-- What webhooks were and will be sent. No read model: it says what has happened to the outside world, so no replay fills it again.

-- How far the dispatcher has come, one row. Whoever owns it knows the newest epoch.
CREATE TABLE brain.dispatch (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    applied_seq bigint  NOT NULL,
    epoch       bigint  NOT NULL DEFAULT 0
);

-- The endpoints as they stood at the dispatcher's position, and how each of them fares.
CREATE TABLE brain.endpoints (
    space         text    NOT NULL,
    webhook       uuid    NOT NULL PRIMARY KEY,
    -- The endpoint in its stored shape.
    definition    jsonb   NOT NULL,
    ver           bigint  NOT NULL,
    breaker       text    NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
    paused_until  timestamptz,
    -- Since when nothing was delivered although it was tried.
    failing_since timestamptz,
    -- Somebody else than the dispatcher has changed its deliveries.
    nudged        boolean NOT NULL DEFAULT false
);

-- One public event on its way to one endpoint.
CREATE TABLE brain.deliveries (
    webhook      uuid        NOT NULL,
    seq          bigint      NOT NULL,
    space        text        NOT NULL,
    event_id     uuid        NOT NULL,
    type         text        NOT NULL,
    aggregate    text        NOT NULL,
    aggregate_id text        NOT NULL,
    state        text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed', 'discarded')),
    -- Attempts in all, and those since it last became pending, by which the schedule counts.
    attempts     integer     NOT NULL DEFAULT 0,
    round        integer     NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    PRIMARY KEY (webhook, seq)
);
CREATE INDEX deliveries_due ON brain.deliveries (webhook, due_at, seq) WHERE state = 'pending';
CREATE INDEX deliveries_in_order ON brain.deliveries (webhook, aggregate_id, seq) WHERE state = 'pending';
CREATE INDEX deliveries_finished ON brain.deliveries (finished_at) WHERE state <> 'pending';

-- One HTTP request.
CREATE TABLE brain.attempts (
    webhook       uuid        NOT NULL,
    seq           bigint      NOT NULL,
    number        integer     NOT NULL,
    space         text        NOT NULL,
    at            timestamptz NOT NULL,
    duration_ms   real        NOT NULL,
    -- Absent when there was no answer.
    status        integer,
    -- Class and text of what went wrong.
    error         text,
    detail        text,
    response_head text,
    PRIMARY KEY (webhook, seq, number)
);
CREATE INDEX attempts_newest ON brain.attempts (webhook, at DESC);

-- Wishes to deliver what an endpoint has missed, worked off piece by piece.
CREATE TABLE brain.redeliveries (
    webhook  uuid   NOT NULL PRIMARY KEY,
    space    text   NOT NULL,
    at_seq   bigint NOT NULL,
    upto_seq bigint NOT NULL,
    found    bigint NOT NULL DEFAULT 0
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['endpoints', 'deliveries', 'attempts', 'redeliveries'] LOOP
        EXECUTE format('ALTER TABLE brain.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY one_space ON brain.%I FOR SELECT TO brain_app '
            'USING (space = current_setting(''brain.space'', true))', name);
        EXECUTE format('GRANT SELECT ON brain.%I TO brain_app', name);
    END LOOP;
END
$$;
GRANT SELECT ON brain.dispatch TO brain_app;
