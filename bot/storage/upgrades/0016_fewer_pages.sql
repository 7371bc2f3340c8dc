-- What issuing writes, and only that: each index that a row enters is a page of its own in the log.

-- Who has failed is asked when a key comes again; all the others are in certificates_one_per_key.
DROP INDEX certificates_by_key;

CREATE INDEX certificates_failed_key ON certificates (public_key_sha256) WHERE status = 'failed';

-- Most replace nothing.
DROP INDEX certificates_one_successor;

CREATE UNIQUE INDEX certificates_one_successor ON certificates (replaces)
    WHERE replaces IS NOT NULL AND status IN ('planned', 'valid', 'held');

-- SQLite keeps a table in the order of an INTEGER PRIMARY KEY, and needs no second tree to find a row then.

-- only: sqlite
CREATE TABLE audit_by_number (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- only: sqlite
INSERT INTO audit_by_number SELECT seq, at, actor, act, subject, detail, previous, hash FROM audit ORDER BY seq;

-- only: sqlite
DROP TABLE audit;

-- only: sqlite
ALTER TABLE audit_by_number RENAME TO audit;

-- only: sqlite
CREATE INDEX audit_by_subject ON audit (subject, seq);

-- only: sqlite
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- only: sqlite
CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN OLD.seq > (SELECT seq FROM audit_start WHERE id = 1)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
