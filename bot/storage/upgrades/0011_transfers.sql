-- From one device of a customer to another: ciphertext of the browser's, empty once it was taken.
CREATE TABLE transfers (
    ticket TEXT PRIMARY KEY,
    proof TEXT NOT NULL,
    content BLOB NOT NULL,
    wrong BIGINT NOT NULL,
    taken_at TEXT,
    expires_at TEXT NOT NULL
);

CREATE INDEX transfers_expired ON transfers (expires_at);
