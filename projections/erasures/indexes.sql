CREATE INDEX erasures_newest ON erasures_v1.erasures (space, position DESC);
