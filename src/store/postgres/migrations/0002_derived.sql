-- Derived tables: every row can be deleted and is made anew by replaying the ledger.
CREATE TABLE rooms (room BIGINT PRIMARY KEY, room_type TEXT, name TEXT, watched_since BIGINT NOT NULL);
CREATE TABLE members (
    room BIGINT NOT NULL, account BIGINT NOT NULL, n BIGINT NOT NULL, name TEXT COLLATE "C" NOT NULL, present BOOLEAN NOT NULL,
    PRIMARY KEY (room, account, n)
);
CREATE INDEX members_by_account ON members (account, n);
CREATE TABLE messages (
    room BIGINT NOT NULL, message TEXT COLLATE "C" NOT NULL, account BIGINT NOT NULL,
    send_time BIGINT NOT NULL, first_n BIGINT NOT NULL, first_seen BIGINT NOT NULL,
    current BIGINT NOT NULL, deleted BOOLEAN NOT NULL DEFAULT FALSE,
    -- The message.missing_at_recheck that stands; empty again when the message is seen once more.
    missing_n BIGINT,
    PRIMARY KEY (room, message)
);
CREATE INDEX messages_by_room_n ON messages (room, first_n);
CREATE INDEX messages_by_account ON messages (room, account, send_time);
CREATE INDEX messages_by_time ON messages (room, send_time, message);
CREATE INDEX messages_missing ON messages (room) WHERE missing_n IS NOT NULL;
CREATE TABLE versions (
    n BIGINT PRIMARY KEY,
    room BIGINT NOT NULL, message TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL,
    account BIGINT NOT NULL, update_time BIGINT, observed_at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL, body TEXT NOT NULL
);
CREATE INDEX versions_by_message ON versions (room, message, version);
-- Edits and deletions, for the list of what changed.
CREATE INDEX versions_changed ON versions (n) WHERE kind <> 'message.created';
CREATE TABLE gaps (n BIGINT PRIMARY KEY, room BIGINT NOT NULL, kind TEXT NOT NULL, from_at BIGINT, to_at BIGINT NOT NULL);
CREATE INDEX gaps_by_room ON gaps (room, to_at);
CREATE TABLE signals (n BIGINT PRIMARY KEY, rules TEXT NOT NULL, tier TEXT NOT NULL, signal TEXT NOT NULL);

CREATE TABLE cases (
    id BIGINT PRIMARY KEY, room BIGINT NOT NULL, client BIGINT NOT NULL, state TEXT COLLATE "C" NOT NULL,
    request_message TEXT NOT NULL, request_n BIGINT NOT NULL,
    opened_at BIGINT NOT NULL, moved_at BIGINT NOT NULL,
    terms TEXT NOT NULL, reminded BOOLEAN NOT NULL DEFAULT FALSE,
    changed_n BIGINT NOT NULL, job_link TEXT, contract_link TEXT, contract BIGINT
);
CREATE INDEX cases_by_client ON cases (room, client, id);
CREATE TABLE outbox (
    decided_n BIGINT PRIMARY KEY,
    purpose TEXT COLLATE "C" NOT NULL, case_id BIGINT, room BIGINT NOT NULL,
    request_room BIGINT, request_message TEXT COLLATE "C", request_account BIGINT, request_n BIGINT,
    text TEXT NOT NULL, due_at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL, ended_n BIGINT, posted_message TEXT COLLATE "C", ended_at BIGINT,
    approved BOOLEAN NOT NULL DEFAULT FALSE, target TEXT
);
CREATE INDEX outbox_open ON outbox (due_at, decided_n) WHERE state = 'waiting';
CREATE INDEX outbox_by_room ON outbox (room, decided_n);
CREATE INDEX outbox_by_request ON outbox (request_room, request_message);
CREATE INDEX outbox_by_day ON outbox (purpose, ended_at) WHERE state IN ('sent', 'uncertain');
CREATE INDEX outbox_by_post ON outbox (posted_message) WHERE posted_message IS NOT NULL;
CREATE TABLE case_messages (
    case_id BIGINT NOT NULL, room BIGINT NOT NULL, message TEXT COLLATE "C" NOT NULL, part TEXT COLLATE "C" NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (case_id, room, message, part)
);
CREATE INDEX case_messages_by_n ON case_messages (n);
CREATE TABLE case_notes (n BIGINT PRIMARY KEY, case_id BIGINT NOT NULL, at BIGINT NOT NULL, text TEXT NOT NULL);
CREATE INDEX case_notes_by_case ON case_notes (case_id);
CREATE TABLE contracts (
    id BIGINT PRIMARY KEY, room BIGINT NOT NULL, client BIGINT, form TEXT NOT NULL,
    quantity BIGINT, unit TEXT NOT NULL, yen BIGINT, until BIGINT,
    escrowed BOOLEAN NOT NULL, ended BOOLEAN NOT NULL, remind BOOLEAN NOT NULL, link TEXT,
    registered_at BIGINT NOT NULL, changed_n BIGINT NOT NULL
);
CREATE TABLE contract_counts (
    n BIGINT PRIMARY KEY, contract BIGINT NOT NULL, count BIGINT NOT NULL,
    room BIGINT NOT NULL, message TEXT NOT NULL, at BIGINT NOT NULL
);
CREATE INDEX contract_counts_by_contract ON contract_counts (contract);
-- What is declared of a room (room 0: of the bot itself); the latest entry holds.
CREATE TABLE declared (
    room BIGINT NOT NULL, what TEXT COLLATE "C" NOT NULL, value TEXT COLLATE "C" NOT NULL, n BIGINT NOT NULL,
    PRIMARY KEY (room, what)
);
CREATE TABLE drafts (
    drafted_n BIGINT PRIMARY KEY, case_id BIGINT NOT NULL, purpose TEXT NOT NULL, room BIGINT NOT NULL,
    request_room BIGINT NOT NULL, request_message TEXT NOT NULL, request_account BIGINT NOT NULL,
    request_n BIGINT NOT NULL, text TEXT NOT NULL, why TEXT NOT NULL, state TEXT COLLATE "C" NOT NULL
);
CREATE INDEX drafts_by_case ON drafts (case_id, drafted_n);

-- Length of each mirror file at its follower's cursor; what a crash left beyond is cut and written again.
CREATE TABLE mirror_files (path TEXT COLLATE "C" PRIMARY KEY, bytes BIGINT NOT NULL);
-- Inner nodes of the Merkle tree: node `i` of `level` is the root over 256^level leaves.
CREATE TABLE tree_nodes (level BIGINT NOT NULL, i BIGINT NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (level, i));

-- A file that a message of the room shows: wanted, stored, lost (and tried again), given_up.
CREATE TABLE files (
    room BIGINT NOT NULL, file BIGINT NOT NULL, message TEXT COLLATE "C" NOT NULL,
    shown_n BIGINT NOT NULL, name TEXT NOT NULL, state TEXT COLLATE "C" NOT NULL,
    stored_n BIGINT, sha256 BYTEA, size BIGINT, media_type TEXT,
    lost_n BIGINT, reason TEXT,
    PRIMARY KEY (room, file)
);
CREATE INDEX files_by_message ON files (room, message);
CREATE INDEX files_open ON files (shown_n) WHERE state IN ('wanted', 'lost');
CREATE INDEX files_by_hash ON files (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX files_by_entry ON files (stored_n) WHERE stored_n IS NOT NULL;
CREATE TABLE tasks (
    room BIGINT NOT NULL, task BIGINT NOT NULL, n BIGINT NOT NULL, message TEXT NOT NULL,
    account BIGINT NOT NULL, assigned_by BIGINT NOT NULL, body TEXT NOT NULL,
    limit_time BIGINT, limit_type TEXT NOT NULL, status TEXT NOT NULL,
    PRIMARY KEY (room, task, n)
);
CREATE INDEX tasks_by_n ON tasks (n);
CREATE TABLE room_states (
    room BIGINT NOT NULL, n BIGINT NOT NULL, name TEXT NOT NULL, description TEXT,
    PRIMARY KEY (room, n)
);
CREATE INDEX room_states_by_n ON room_states (n);
CREATE TABLE member_roles (
    room BIGINT NOT NULL, account BIGINT NOT NULL, n BIGINT NOT NULL, role TEXT NOT NULL,
    PRIMARY KEY (room, account, n)
);
CREATE INDEX member_roles_by_n ON member_roles (n);
-- What the owner brought from elsewhere: kept apart from what was captured.
CREATE TABLE imported_messages (
    n BIGINT PRIMARY KEY, room BIGINT, message TEXT, account BIGINT, name TEXT,
    sent_at BIGINT, body TEXT NOT NULL, deleted BOOLEAN NOT NULL
);
CREATE INDEX imported_messages_by_room ON imported_messages (room, n);
CREATE TABLE imported_files (
    n BIGINT PRIMARY KEY, room BIGINT, name TEXT NOT NULL, sha256 BYTEA NOT NULL, size BIGINT NOT NULL,
    media_type TEXT NOT NULL
);
CREATE INDEX imported_files_by_hash ON imported_files (sha256);

-- The search index: for each version of a message the single characters and pairs of characters of its folded text, and
-- words for its room, its author and for having a file. It keeps no text: hits are confirmed on `versions`. A text with
-- more words than a tsvector holds stands here without any and is a candidate always.
CREATE TABLE search_index (n BIGINT PRIMARY KEY, words TSVECTOR);
CREATE INDEX search_index_words ON search_index USING GIN (words);
CREATE INDEX search_index_whole ON search_index (n) WHERE words IS NULL;
