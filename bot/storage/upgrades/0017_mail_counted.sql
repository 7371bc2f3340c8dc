-- E-mail is one more kind of what is handed over, counted beside the others. (What a CHECK allows cannot be changed in
-- SQLite: the table is written anew.)

CREATE TABLE sendings_with_mail (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('alimtalk', 'sms', 'lms', 'event', 'email')),
    -- asked: nobody knows yet whether the provider has it; taken: it has; then arrived, or lost.
    state TEXT NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'taken', 'arrived', 'lost')),
    provider_id TEXT,
    asked_at TEXT NOT NULL,
    closed_at TEXT,
    look_at TEXT,
    looks BIGINT NOT NULL DEFAULT 0
);

INSERT INTO sendings_with_mail (key, kind, state, provider_id, asked_at, closed_at, look_at, looks)
    SELECT key, kind, state, provider_id, asked_at, closed_at, look_at, looks FROM sendings;

DROP TABLE sendings;

ALTER TABLE sendings_with_mail RENAME TO sendings;

CREATE INDEX sendings_open ON sendings (look_at) WHERE look_at IS NOT NULL;

CREATE INDEX sendings_asked_at ON sendings (asked_at);
