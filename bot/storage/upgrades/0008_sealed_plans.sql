-- By which the CA knows its own plan again after a crash; NULL in rows from before, which are not finished any more.
ALTER TABLE certificates ADD COLUMN seal BLOB;
