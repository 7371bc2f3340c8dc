-- One row a certificate that holds when it is spoken of next; what its owner wishes; what the operator has stopped.

ALTER TABLE reminders RENAME TO reminders_by_stage;

CREATE TABLE reminders (
    serial TEXT PRIMARY KEY,
    -- The bank's customer number (`ours` = 1), else the conversation that wants to hear of a certificate from elsewhere.
    owner TEXT NOT NULL,
    ours BIGINT NOT NULL CHECK (ours IN (0, 1)),
    -- The profile of one of ours, else who issued it.
    kind TEXT NOT NULL,
    not_after TEXT NOT NULL,
    -- The last stage that was said, in days before the end; 99 before the first. It only ever falls.
    said BIGINT NOT NULL DEFAULT 99,
    due_at TEXT,
    state TEXT NOT NULL DEFAULT 'on' CHECK (state IN ('on', 'stopped', 'over'))
);

INSERT INTO reminders (serial, owner, ours, kind, not_after, said, due_at)
    SELECT r.serial, max(c.subscriber), 1, max(c.profile), max(r.not_after),
        coalesce(min(CASE WHEN r.state IN ('sent', 'claimed') THEN r.stage END), 99),
        min(CASE WHEN r.state = 'waiting' THEN r.due_at END)
    FROM reminders_by_stage r JOIN certificates c ON c.serial = r.serial GROUP BY r.serial;

DROP TABLE reminders_by_stage;

UPDATE reminders SET state = 'over' WHERE due_at IS NULL;

CREATE INDEX reminders_due ON reminders (due_at, serial) WHERE state = 'on';

CREATE INDEX reminders_owner ON reminders (owner);

CREATE TABLE reminder_wishes (
    owner TEXT PRIMARY KEY,
    stages TEXT NOT NULL,
    hour BIGINT NOT NULL,
    zone TEXT NOT NULL,
    way TEXT NOT NULL,
    stopped BIGINT NOT NULL,
    at TEXT NOT NULL
);

-- What an operator has turned off; no row, and it runs.
CREATE TABLE switched_off (
    name TEXT PRIMARY KEY,
    at TEXT NOT NULL
);

-- Reminders are many and wait for their channel's pace: a code to a phone must not wait behind them.
DROP INDEX outbox_due;

CREATE INDEX outbox_due ON outbox (due_at, id) WHERE state = 'queued' AND kind <> 'bubble' AND kind <> 'reminder';

CREATE INDEX outbox_reminders ON outbox (channel, due_at, id) WHERE state = 'queued' AND kind = 'reminder';
