-- What the certification authority remembers. Times are TEXT (see bot/storage/instants.py).

CREATE TABLE certificates (
    serial TEXT PRIMARY KEY CHECK (length(serial) = 40),
    request_id TEXT NOT NULL UNIQUE,
    request_digest BLOB NOT NULL,
    issuer TEXT NOT NULL,
    subscriber TEXT NOT NULL,
    profile TEXT NOT NULL,
    subject TEXT NOT NULL,
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    public_key_sha256 BLOB NOT NULL,
    tbs BLOB NOT NULL,
    der BLOB,
    status TEXT NOT NULL CHECK (status IN ('planned', 'valid', 'held', 'revoked', 'failed')),
    -- 1 while it takes its subscriber's place for this profile. A revoked or failed one leaves it; one past its end is
    -- moved out when the next is planned, so that no stored status depends on the clock.
    in_place BIGINT NOT NULL DEFAULT 1 CHECK (in_place = 0 OR (in_place = 1 AND status IN ('planned', 'valid', 'held'))),
    planned_at TEXT NOT NULL,
    issued_at TEXT,
    revoked_at TEXT,
    reason TEXT,
    evidence TEXT NOT NULL,
    CHECK (status NOT IN ('valid', 'held') OR der IS NOT NULL)
);

CREATE UNIQUE INDEX certificates_one_in_place ON certificates (subscriber, profile) WHERE in_place = 1;

-- One key, one certificate. A failed one was never handed out: its subscriber may try again with the same key.
CREATE UNIQUE INDEX certificates_one_per_key ON certificates (public_key_sha256) WHERE status <> 'failed';

CREATE INDEX certificates_by_key ON certificates (public_key_sha256);

CREATE INDEX certificates_by_subscriber ON certificates (subscriber, issued_at);

CREATE INDEX certificates_unfinished ON certificates (planned_at) WHERE status = 'planned';

-- Holds all a CRL needs, so that the rows themselves are not read.
CREATE INDEX certificates_listed ON certificates (issuer, serial, not_after, revoked_at, reason)
    WHERE status IN ('revoked', 'held', 'failed');

CREATE TABLE crl_numbers (
    issuer TEXT PRIMARY KEY,
    number BIGINT NOT NULL
);

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);

CREATE INDEX audit_by_subject ON audit (subject, seq);

-- One row: where the chain ends. Whoever appends changes it, and so waits for whoever did before.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    seal TEXT NOT NULL
);

INSERT INTO audit_head (id, seq, hash, seal) VALUES (1, 0, '', '');
