CREATE INDEX webhooks_newest ON webhooks_v1.webhooks (space, created_at DESC, id DESC) WHERE deleted_at IS NULL;
