-- What stands beside the messages. All derived, but for the attempts.

-- A file that a message of the room shows: wanted, stored, lost (and tried again), given_up.
CREATE TABLE files (
    room INTEGER NOT NULL, file INTEGER NOT NULL, message TEXT NOT NULL,
    -- The entry that showed it first, and what it was called there; the platform's own word wins once it is known.
    shown_n INTEGER NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
    stored_n INTEGER, sha256 BLOB, size INTEGER, media_type TEXT,
    lost_n INTEGER, reason TEXT,
    PRIMARY KEY (room, file)
) WITHOUT ROWID;
CREATE INDEX files_by_message ON files (room, message);
CREATE INDEX files_open ON files (shown_n) WHERE state IN ('wanted', 'lost');
-- Attempts are facts about requests, not about the ledger: a rebuild keeps them.
CREATE TABLE file_attempts (
    room INTEGER NOT NULL, file INTEGER NOT NULL, attempts INTEGER NOT NULL, not_before INTEGER NOT NULL,
    PRIMARY KEY (room, file)
) WITHOUT ROWID;

-- A task as it stood from entry `n` on.
CREATE TABLE tasks (
    room INTEGER NOT NULL, task INTEGER NOT NULL, n INTEGER NOT NULL, message TEXT NOT NULL,
    account INTEGER NOT NULL, assigned_by INTEGER NOT NULL, body TEXT NOT NULL,
    limit_time INTEGER, limit_type TEXT NOT NULL, status TEXT NOT NULL,
    PRIMARY KEY (room, task, n)
) WITHOUT ROWID;
-- Name and description of a room from entry `n` on.
CREATE TABLE room_states (
    room INTEGER NOT NULL, n INTEGER NOT NULL, name TEXT NOT NULL, description TEXT,
    PRIMARY KEY (room, n)
) WITHOUT ROWID;

-- What a member may do from entry `n` on.
CREATE TABLE member_roles (
    room INTEGER NOT NULL, account INTEGER NOT NULL, n INTEGER NOT NULL, role TEXT NOT NULL,
    PRIMARY KEY (room, account, n)
) WITHOUT ROWID;
-- Which parts of a room (members, tasks, room) something tells a change of, and when each is read next: hints for reading,
-- not part of what is derived.
CREATE TABLE room_news (room INTEGER NOT NULL, part TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (room, part)) WITHOUT ROWID;
CREATE TABLE room_looks (
    room INTEGER NOT NULL, part TEXT NOT NULL, n INTEGER, next INTEGER NOT NULL, PRIMARY KEY (room, part)
) WITHOUT ROWID;

-- What the owner brought from elsewhere: kept apart from what was captured.
CREATE TABLE imported_messages (
    n INTEGER PRIMARY KEY, room INTEGER, message TEXT, account INTEGER, name TEXT,
    sent_at INTEGER, body TEXT NOT NULL, deleted INTEGER NOT NULL
);
CREATE INDEX imported_messages_by_room ON imported_messages (room, sent_at);
CREATE TABLE imported_files (
    n INTEGER PRIMARY KEY, room INTEGER, name TEXT NOT NULL, sha256 BLOB NOT NULL, size INTEGER NOT NULL,
    media_type TEXT NOT NULL
);
