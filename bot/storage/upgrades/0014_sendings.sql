-- What was handed to a provider of 알림톡 and text messages: once a key, with what came of it. Costs are counted here.

CREATE TABLE sendings (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('alimtalk', 'sms', 'lms', 'event')),
    -- asked: nobody knows yet whether the provider has it; taken: it has; then arrived, or lost.
    state TEXT NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'taken', 'arrived', 'lost')),
    provider_id TEXT,
    asked_at TEXT NOT NULL,
    closed_at TEXT,
    look_at TEXT,
    looks BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX sendings_open ON sendings (look_at) WHERE look_at IS NOT NULL;

CREATE INDEX sendings_asked_at ON sendings (asked_at);
