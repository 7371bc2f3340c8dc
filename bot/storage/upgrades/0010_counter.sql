-- Who waits for a person, who is being served, and by whom.

ALTER TABLE handovers ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'taken', 'closed'));
ALTER TABLE handovers ADD COLUMN clerk TEXT;
ALTER TABLE handovers ADD COLUMN taken_at TEXT;
ALTER TABLE handovers ADD COLUMN closed_at TEXT;

CREATE INDEX handovers_open ON handovers (at, reference) WHERE state <> 'closed';
