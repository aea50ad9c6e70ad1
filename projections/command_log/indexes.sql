-- The keys are index enough for readers; an erasure looks for all of one aggregate.
CREATE INDEX commands_of ON command_log_v1.commands (space, aggregate, id);
