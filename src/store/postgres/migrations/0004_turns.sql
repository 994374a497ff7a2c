-- Whose turn it is to work, by this server's clock. A number is never given twice.
CREATE TABLE turns (id BIGINT PRIMARY KEY CHECK (id = 1), number BIGINT NOT NULL, until TIMESTAMPTZ NOT NULL);
