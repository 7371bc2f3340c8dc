-- Certificates of other institutions that a conversation wants to be reminded of; `reminders.serial` is 'elsewhere:' || id.
CREATE TABLE elsewhere (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64),
    institution TEXT NOT NULL,
    used_for TEXT NOT NULL,
    holder TEXT NOT NULL,
    not_after TEXT NOT NULL,
    path TEXT NOT NULL,
    status TEXT NOT NULL,
    signed BIGINT NOT NULL,
    -- Public, but personal: sealed.
    der BLOB NOT NULL,
    registered_at TEXT NOT NULL,
    UNIQUE (customer, fingerprint)
);
