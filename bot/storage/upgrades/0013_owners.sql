-- Where customers say their certificates are registered: what a reissue wants registered again.

CREATE TABLE registered_places (
    serial TEXT NOT NULL,
    place TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (serial, place)
);
