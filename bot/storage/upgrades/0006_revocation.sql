-- Successors, what CRLs and OCSP answers are made of, and an audit trail that the database itself protects.

-- A successor is issued beside the certificate it replaces and waits, not in place, until it is settled.
ALTER TABLE certificates ADD COLUMN replaces TEXT REFERENCES certificates (serial);

CREATE UNIQUE INDEX certificates_one_successor ON certificates (replaces) WHERE status IN ('planned', 'valid', 'held');

-- only: sqlite
-- What is revoked, held or failed, as a CRL has it. An entry is encoded once, in the transaction of its cause; NULL in
-- rows from before this table. SQLite keeps the rows in the order in which they are listed.
CREATE TABLE crl_entries (
    issuer TEXT NOT NULL,
    serial TEXT NOT NULL,
    not_after TEXT NOT NULL,
    entry BLOB,
    PRIMARY KEY (issuer, serial)
) WITHOUT ROWID;

-- only: postgres
CREATE TABLE crl_entries (
    issuer TEXT NOT NULL,
    serial TEXT NOT NULL,
    not_after TEXT NOT NULL,
    entry BLOB,
    PRIMARY KEY (issuer, serial)
);

INSERT INTO crl_entries (issuer, serial, not_after)
    SELECT issuer, serial, not_after FROM certificates WHERE status IN ('revoked', 'held', 'failed');

DROP INDEX certificates_listed;

-- Without the time of issue, which would have completing a certificate write this index once more.
DROP INDEX certificates_by_subscriber;

CREATE INDEX certificates_of_subscriber ON certificates (subscriber);

CREATE INDEX certificates_held ON certificates (revoked_at) WHERE status = 'held';

-- Every change of a status that somebody may have been told. Workers read on from the last version they know; it is the
-- number of the audit row.
CREATE TABLE status_changes (
    version BIGINT PRIMARY KEY,
    issuer TEXT NOT NULL,
    serial TEXT NOT NULL,
    at TEXT NOT NULL
);

CREATE INDEX status_changes_of ON status_changes (issuer, version);

-- The lists now in force, one for all workers. `version` is the last status change that is in the list.
CREATE TABLE crls (
    name TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    this_update TEXT NOT NULL,
    next_update TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    der BLOB NOT NULL
);

-- Where the audit chain begins: after its last pruned row. Rows up to here may be deleted, no row may be changed.
CREATE TABLE audit_start (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    seal TEXT NOT NULL
);

INSERT INTO audit_start (id, seq, hash, seal) VALUES (1, 0, '', '');

-- only: sqlite
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- only: sqlite
CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN OLD.seq > (SELECT seq FROM audit_start WHERE id = 1)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- only: postgres
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

-- only: postgres
CREATE FUNCTION audit_refuse_unpruned() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF OLD.seq > (SELECT seq FROM audit_start WHERE id = 1) THEN RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN OLD; END $$;

-- only: postgres
CREATE OR REPLACE TRIGGER audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse();

-- only: postgres
CREATE OR REPLACE TRIGGER audit_kept BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse_unpruned();

-- only: postgres
CREATE OR REPLACE TRIGGER audit_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
