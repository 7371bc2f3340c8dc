-- Why a question was kept (nobody knew it, it was asked back, the answer did not help), and what became of it.

ALTER TABLE unanswered ADD COLUMN why TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE unanswered ADD COLUMN reviewed_at TEXT;
