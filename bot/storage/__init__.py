"""Database and stores: plain SQL in one dialect, one file per subject."""
