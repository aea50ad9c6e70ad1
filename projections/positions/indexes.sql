CREATE INDEX positions_by_time ON positions_v1.positions (max_at, seq);
