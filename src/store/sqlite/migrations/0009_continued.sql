-- Ledgers that this one continues. The number of a row counts on through all of them; an entry's own `n` begins anew in
-- each: row = base + n.
ALTER TABLE head ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
CREATE TABLE predecessors (
    base INTEGER PRIMARY KEY, ledger_id TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, key TEXT NOT NULL
);
CREATE TABLE past_checkpoints (
    base INTEGER NOT NULL, size INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY (base, size)
) WITHOUT ROWID;
