-- When rooms were read is about the running program: an entry for each read would be thousands a day. What a reader of the
-- record needs of it, the holes, are entries (gap.found). A rebuild keeps both tables; where they are lost, a room counts
-- as never read, which declares a hole rather than hiding one.
CREATE TABLE room_reads (
    room INTEGER PRIMARY KEY,
    first_at INTEGER, read_at INTEGER, reached TEXT, limited INTEGER NOT NULL DEFAULT 0,
    lost_at INTEGER,
    -- Where the slow rota over older messages stands, when its present lap began, how long the last whole lap took.
    deep_time INTEGER, deep_message TEXT, deep_began INTEGER, deep_lap INTEGER
);
-- Of each day in Japan the longest time between two complete reads of a room, holes apart.
CREATE TABLE exposures (
    room INTEGER NOT NULL, day TEXT NOT NULL, longest INTEGER NOT NULL, began INTEGER NOT NULL,
    PRIMARY KEY (room, day)
) WITHOUT ROWID;

-- Derived from gap.found.
CREATE TABLE gaps (
    n INTEGER PRIMARY KEY, room INTEGER NOT NULL, kind TEXT NOT NULL, from_at INTEGER, to_at INTEGER NOT NULL
);
CREATE INDEX gaps_by_room ON gaps (room, to_at);
-- The message.missing_at_recheck that stands; empty again when the message is seen once more.
ALTER TABLE messages ADD COLUMN missing_n INTEGER;
CREATE INDEX messages_by_time ON messages (room, send_time);
CREATE INDEX messages_missing ON messages (room) WHERE missing_n IS NOT NULL;
