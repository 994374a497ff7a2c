-- Derived tables: every row can be deleted and is made anew by replaying the ledger.
CREATE TABLE rooms (
    room INTEGER PRIMARY KEY, room_type TEXT, name TEXT, watched_since INTEGER NOT NULL
);
-- What members were called, and whether they were there, from entry `n` on.
CREATE TABLE members (
    room INTEGER NOT NULL, account INTEGER NOT NULL, n INTEGER NOT NULL, name TEXT NOT NULL, present INTEGER NOT NULL,
    PRIMARY KEY (room, account, n)
) WITHOUT ROWID;
CREATE TABLE messages (
    room INTEGER NOT NULL, message TEXT NOT NULL, account INTEGER NOT NULL,
    send_time INTEGER NOT NULL, first_n INTEGER NOT NULL, first_seen INTEGER NOT NULL,
    current INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room, message)
) WITHOUT ROWID;
CREATE INDEX messages_by_room_n ON messages (room, first_n);
CREATE INDEX messages_by_account ON messages (room, account, send_time);
CREATE TABLE versions (
    n INTEGER PRIMARY KEY,
    room INTEGER NOT NULL, message TEXT NOT NULL, version INTEGER NOT NULL,
    account INTEGER NOT NULL, update_time INTEGER, observed_at INTEGER NOT NULL,
    kind TEXT NOT NULL, body TEXT NOT NULL
);
CREATE UNIQUE INDEX versions_by_message ON versions (room, message, version);
CREATE TABLE signals (
    n INTEGER PRIMARY KEY, rules TEXT NOT NULL, tier TEXT NOT NULL, signal TEXT NOT NULL
);
CREATE TABLE cases (
    id INTEGER PRIMARY KEY, room INTEGER NOT NULL, client INTEGER NOT NULL, state TEXT NOT NULL,
    request_message TEXT NOT NULL, request_n INTEGER NOT NULL,
    opened_at INTEGER NOT NULL, moved_at INTEGER NOT NULL,
    terms TEXT NOT NULL, reminded INTEGER NOT NULL DEFAULT 0,
    -- The entry that said so: an earlier one, filed once more in its turn, changes nothing.
    changed_n INTEGER NOT NULL
);
CREATE INDEX cases_by_client ON cases (room, client, id);
CREATE TABLE outbox (
    decided_n INTEGER PRIMARY KEY,
    purpose TEXT NOT NULL, case_id INTEGER, room INTEGER NOT NULL,
    request_room INTEGER, request_message TEXT, request_account INTEGER, request_n INTEGER,
    text TEXT NOT NULL, due_at INTEGER NOT NULL,
    state TEXT NOT NULL, ended_n INTEGER, posted_message TEXT, ended_at INTEGER
);
CREATE INDEX outbox_open ON outbox (due_at) WHERE state IN ('waiting', 'claimed');
CREATE INDEX outbox_by_request ON outbox (request_room, request_message);
CREATE INDEX outbox_by_day ON outbox (purpose, ended_at) WHERE state IN ('sent', 'uncertain');

-- Claims are facts about running requests, not about the ledger: a rebuild keeps them.
CREATE TABLE claims (decided_n INTEGER PRIMARY KEY, until INTEGER NOT NULL, attempts INTEGER NOT NULL);

-- Length of each mirror file at its follower's cursor; what a crash left beyond is cut and written again.
CREATE TABLE mirror_files (path TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
