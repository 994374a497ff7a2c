-- Derived: what the owner has said, and what waits for his word.
ALTER TABLE cases ADD COLUMN job_link TEXT;
ALTER TABLE cases ADD COLUMN contract_link TEXT;
ALTER TABLE cases ADD COLUMN contract INTEGER;
CREATE INDEX cases_by_room ON cases (room, client, state);
ALTER TABLE outbox ADD COLUMN approved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN target TEXT;
-- The first entry that named the message in this part.
CREATE TABLE case_messages (
    case_id INTEGER NOT NULL, room INTEGER NOT NULL, message TEXT NOT NULL, part TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (case_id, room, message, part)
) WITHOUT ROWID;
CREATE TABLE case_notes (n INTEGER PRIMARY KEY, case_id INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX case_notes_by_case ON case_notes (case_id);
CREATE TABLE contracts (
    id INTEGER PRIMARY KEY, room INTEGER NOT NULL, client INTEGER, form TEXT NOT NULL,
    quantity INTEGER, unit TEXT NOT NULL, yen INTEGER, until INTEGER,
    escrowed INTEGER NOT NULL, ended INTEGER NOT NULL, remind INTEGER NOT NULL, link TEXT,
    registered_at INTEGER NOT NULL, changed_n INTEGER NOT NULL
);
CREATE TABLE contract_counts (
    n INTEGER PRIMARY KEY, contract INTEGER NOT NULL, count INTEGER NOT NULL,
    room INTEGER NOT NULL, message TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE INDEX contract_counts_by_contract ON contract_counts (contract);
-- What is declared of a room (room 0: of the bot itself); the latest entry holds.
CREATE TABLE declared (
    room INTEGER NOT NULL, what TEXT NOT NULL, value TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (room, what)
) WITHOUT ROWID;
CREATE TABLE drafts (
    drafted_n INTEGER PRIMARY KEY, case_id INTEGER NOT NULL, purpose TEXT NOT NULL, room INTEGER NOT NULL,
    request_room INTEGER NOT NULL, request_message TEXT NOT NULL, request_account INTEGER NOT NULL,
    request_n INTEGER NOT NULL, text TEXT NOT NULL, why TEXT NOT NULL, state TEXT NOT NULL
);
CREATE INDEX drafts_by_case ON drafts (case_id, drafted_n);
