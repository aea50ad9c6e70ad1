CREATE INDEX vectors_nearest ON vectors_v1.vectors USING hnsw (embedding halfvec_cosine_ops);
