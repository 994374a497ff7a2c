-- The ledger. Rows of `entries` are never updated or deleted; erasing touches `contents` alone. Columns stand in the same
-- order as SQLite's: equal rows then have equal digests on both engines.
CREATE TABLE head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    ledger_id TEXT NOT NULL,
    size BIGINT NOT NULL,
    frontier BYTEA NOT NULL,
    base BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE entries (n BIGINT PRIMARY KEY, entry BYTEA NOT NULL, leaf BYTEA NOT NULL);
CREATE TABLE contents (n BIGINT PRIMARY KEY, salt BYTEA NOT NULL, content BYTEA NOT NULL);
CREATE TABLE room_chains (room BIGINT PRIMARY KEY, room_n BIGINT NOT NULL, leaf BYTEA NOT NULL);
CREATE TABLE checkpoints (size BIGINT PRIMARY KEY, note TEXT NOT NULL);

-- What makes an observation known: the keyed digests of versions and of deliveries. Texts compare by their bytes.
CREATE TABLE message_versions (
    room BIGINT NOT NULL, message TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL,
    digest BYTEA NOT NULL, way BYTEA NOT NULL, n BIGINT NOT NULL,
    PRIMARY KEY (room, message, version)
);
CREATE TABLE message_ways (
    room BIGINT NOT NULL, message TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, way BYTEA NOT NULL, n BIGINT NOT NULL,
    PRIMARY KEY (room, message, version, way)
);
CREATE TABLE once (key BYTEA PRIMARY KEY, n BIGINT NOT NULL);

-- What the platform said of this account: its number, its own chat.
CREATE TABLE facts (name TEXT COLLATE "C" PRIMARY KEY, value BIGINT NOT NULL);

-- How far each follower has read: the index of the next entry it has not handled.
CREATE TABLE cursors (name TEXT COLLATE "C" PRIMARY KEY, next BIGINT NOT NULL);

-- Ledgers that this one continues: row = base + n.
CREATE TABLE predecessors (
    base BIGINT PRIMARY KEY, ledger_id TEXT NOT NULL, size BIGINT NOT NULL, root BYTEA NOT NULL, key TEXT NOT NULL
);
CREATE TABLE past_checkpoints (
    base BIGINT NOT NULL, size BIGINT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (base, size)
);
