-- Facts about the running program, not about the ledger: a rebuild keeps them.

-- Claims on rows of the outbox.
CREATE TABLE claims (decided_n BIGINT PRIMARY KEY, until BIGINT NOT NULL, attempts BIGINT NOT NULL);
CREATE TABLE file_attempts (
    room BIGINT NOT NULL, file BIGINT NOT NULL, attempts BIGINT NOT NULL, not_before BIGINT NOT NULL,
    PRIMARY KEY (room, file)
);
-- Which parts of a room (members, tasks, room, files) something tells a change of, and when each is read next.
CREATE TABLE room_news (room BIGINT NOT NULL, part TEXT COLLATE "C" NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (room, part));
CREATE TABLE room_looks (
    room BIGINT NOT NULL, part TEXT COLLATE "C" NOT NULL, n BIGINT, next BIGINT NOT NULL, PRIMARY KEY (room, part)
);
-- When rooms were read. Where it is lost, a room counts as never read, which declares a hole rather than hiding one.
CREATE TABLE room_reads (
    room BIGINT PRIMARY KEY,
    first_at BIGINT, read_at BIGINT, reached TEXT, limited BOOLEAN NOT NULL DEFAULT FALSE,
    lost_at BIGINT,
    deep_time BIGINT, deep_message TEXT, deep_began BIGINT, deep_lap BIGINT
);
-- Of each day in Japan the longest time between two complete reads of a room, holes apart.
CREATE TABLE exposures (
    room BIGINT NOT NULL, day TEXT COLLATE "C" NOT NULL, longest BIGINT NOT NULL, began BIGINT NOT NULL,
    PRIMARY KEY (room, day)
);
-- Who may look at the pages: local secrets, as hashes only.
CREATE TABLE door_secrets (name TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL, ends BIGINT);
CREATE TABLE door_sessions (key BYTEA PRIMARY KEY, record TEXT NOT NULL, ends BIGINT NOT NULL);
