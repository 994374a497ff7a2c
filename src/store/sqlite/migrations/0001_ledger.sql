-- The ledger. Rows of `entries` are never updated or deleted; erasing touches `contents` alone.
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    ledger_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    frontier BLOB NOT NULL
);
CREATE TABLE entries (n INTEGER PRIMARY KEY, entry BLOB NOT NULL, leaf BLOB NOT NULL);
CREATE TABLE contents (n INTEGER PRIMARY KEY, salt BLOB NOT NULL, content BLOB NOT NULL);
CREATE TABLE room_chains (room INTEGER PRIMARY KEY, room_n INTEGER NOT NULL, leaf BLOB NOT NULL);
CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL);

-- What makes an observation known: the keyed digests of versions and of deliveries.
CREATE TABLE message_versions (
    room INTEGER NOT NULL, message TEXT NOT NULL, version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    -- The way by which it was first seen; further ways stand in `message_ways`. Both lie beside the message, so that a
    -- burst writes few pages: keys in the order of their digests would write one page each.
    way BLOB NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (room, message, version)
) WITHOUT ROWID;
CREATE TABLE message_ways (
    room INTEGER NOT NULL, message TEXT NOT NULL, version INTEGER NOT NULL, way BLOB NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (room, message, version, way)
) WITHOUT ROWID;
CREATE TABLE once (key BLOB PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;

-- What the platform said of this account: its number, its own chat. Asked again whenever the platform can be reached.
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- How far each follower has read: the index of the next entry it has not handled.
CREATE TABLE cursors (name TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
