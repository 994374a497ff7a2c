-- What type a room was told to be, from entry `n` on, where that was news: how a message is read must not depend on when
-- it is read. Derived; made here from what the ledger already holds.
CREATE TABLE room_types (room BIGINT NOT NULL, n BIGINT NOT NULL, room_type TEXT NOT NULL, PRIMARY KEY (room, n));
INSERT INTO room_types (room, n, room_type)
    WITH told AS (
        SELECT substring(convert_from(e.entry, 'UTF8') FROM '"room":([0-9]{1,18})[,}]')::bigint AS room, e.n AS n,
               substring(convert_from(c.content, 'UTF8') FROM '"type"\s*:\s*"([^"]*)"') AS type
        FROM entries e JOIN contents c ON c.n = e.n
        WHERE convert_from(e.entry, 'UTF8') ~ '"kind":"room.(found|changed)"'
            AND e.n < coalesce((SELECT next FROM cursors WHERE name = 'archive'), 0)
    ), known AS (
        SELECT room, n, CASE type WHEN 'group' THEN 'group' ELSE 'direct' END AS type FROM told
        WHERE type IS NOT NULL AND room IS NOT NULL
    ), news AS (SELECT known.*, lag(type) OVER (PARTITION BY room ORDER BY n) AS before FROM known)
    SELECT room, n, type FROM news WHERE type IS DISTINCT FROM before;
