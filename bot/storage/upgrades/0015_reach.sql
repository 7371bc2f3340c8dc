-- Word of what was done, beside the chats, has a queue of its own: a provider that hangs holds up no code.

CREATE INDEX outbox_reach ON outbox (due_at, id) WHERE state = 'queued' AND kind = 'reach';
