-- Whoever blocked the bot, or is gone, is not written to until they write again.
ALTER TABLE addresses ADD COLUMN unreachable_at TEXT;

-- Bubbles of one chat are sent in order; a messenger's own sender claims them apart from everything else.
CREATE INDEX outbox_bubbles ON outbox (channel, due_at, id) WHERE state = 'queued' AND kind = 'bubble';
