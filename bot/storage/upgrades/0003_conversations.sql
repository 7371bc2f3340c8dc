-- Conversations: who talks from where, where each talk stands, and what was said.

CREATE TABLE addresses (
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    customer TEXT NOT NULL,
    first_at TEXT NOT NULL,
    PRIMARY KEY (channel, address)
);

CREATE TABLE conversations (
    customer TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    state BLOB NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    changed_at TEXT NOT NULL
);

-- One row per message that was taken: seen again, it is answered with the same messages.
CREATE TABLE inbox (
    customer TEXT NOT NULL,
    channel TEXT NOT NULL,
    message_id TEXT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    flow TEXT,
    step TEXT,
    at TEXT NOT NULL,
    PRIMARY KEY (customer, channel, message_id)
);
CREATE INDEX inbox_at ON inbox (at);

CREATE TABLE messages (
    customer TEXT NOT NULL,
    seq BIGINT NOT NULL,
    author TEXT NOT NULL,
    message_id TEXT,
    body TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (customer, seq)
);

-- Which of the bank's customers a conversation has proven to be: notices go to all of them.
CREATE TABLE known_as (
    customer TEXT NOT NULL,
    number TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (customer, number)
);
CREATE INDEX known_as_number ON known_as (number);

-- One-time pages. The token in a link is derived from the id by a key outside the database.
CREATE TABLE links (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    purpose TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    done_at TEXT,
    result TEXT,
    resumed_at TEXT
);
CREATE INDEX links_unresumed ON links (done_at) WHERE done_at IS NOT NULL AND resumed_at IS NULL;

-- Encrypted files handed back by a page, for a while.
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    filename TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content BLOB NOT NULL,
    kept_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);

-- Identity: codes, counters and challenges. Codes are keyed hashes.
CREATE TABLE code_challenges (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL,
    bound_to TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    tries BIGINT NOT NULL,
    used_at TEXT
);
CREATE INDEX code_challenges_number ON code_challenges (number, sent_at);

CREATE TABLE factor_failures (
    number TEXT NOT NULL,
    factor TEXT NOT NULL,
    failures BIGINT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (number, factor)
);

CREATE TABLE cell_challenges (
    number TEXT PRIMARY KEY,
    positions TEXT NOT NULL,
    opened_at TEXT NOT NULL
);

CREATE TABLE otp_steps (
    number TEXT PRIMARY KEY,
    step BIGINT NOT NULL
);

CREATE TABLE lookups (
    asker TEXT PRIMARY KEY,
    window_from TEXT NOT NULL,
    asked BIGINT NOT NULL
);

CREATE TABLE login_challenges (
    id TEXT PRIMARY KEY,
    used_at TEXT NOT NULL
);

-- What people told us.
CREATE TABLE agreements (
    number TEXT NOT NULL,
    version TEXT NOT NULL,
    locale TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    agreed_at TEXT NOT NULL,
    PRIMARY KEY (number, version, locale, sha256)
);

CREATE TABLE feedback (
    customer TEXT NOT NULL,
    message_id TEXT NOT NULL,
    slug TEXT NOT NULL,
    helpful BIGINT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (customer, message_id)
);

CREATE TABLE unanswered (
    customer TEXT NOT NULL,
    message_id TEXT NOT NULL,
    words TEXT NOT NULL,
    candidates TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (customer, message_id)
);

CREATE TABLE handovers (
    reference TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    wish TEXT NOT NULL,
    until_seq BIGINT NOT NULL,
    at TEXT NOT NULL
);

-- The demo's own: fees taken from nobody, text messages to impossible numbers (sealed like real ones would be).
CREATE TABLE demo_fees (
    request_id TEXT PRIMARY KEY,
    number TEXT NOT NULL,
    won BIGINT NOT NULL,
    at TEXT NOT NULL
);

CREATE TABLE demo_messages (
    message_key TEXT PRIMARY KEY,
    phone TEXT NOT NULL,
    sealed BLOB NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX demo_messages_phone ON demo_messages (phone, at);
