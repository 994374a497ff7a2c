-- Who may look at the pages. Not of the ledger and not derived: local secrets, as hashes only.
CREATE TABLE door_secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL, ends INTEGER) WITHOUT ROWID;
CREATE TABLE door_sessions (key BLOB PRIMARY KEY, record TEXT NOT NULL, ends INTEGER NOT NULL) WITHOUT ROWID;
