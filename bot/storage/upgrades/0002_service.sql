-- What goes out: messages to deliver, and when to remind.

CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    payload BLOB,
    due_at TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    lease_until TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'dead')),
    last_error TEXT,
    closed_at TEXT
);

CREATE INDEX outbox_due ON outbox (due_at, id) WHERE state = 'queued';

CREATE INDEX outbox_closed ON outbox (closed_at) WHERE state <> 'queued';

-- `serial` is a certificate's, or names one from elsewhere that somebody wants to be reminded of.
CREATE TABLE reminders (
    serial TEXT NOT NULL,
    stage BIGINT NOT NULL,
    due_at TEXT NOT NULL,
    not_after TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'claimed', 'sent', 'missed', 'stopped')),
    PRIMARY KEY (serial, stage)
);

CREATE INDEX reminders_due ON reminders (due_at) WHERE state = 'waiting';
