-- What type a room was told to be, from entry `n` on, where that was news: how a message is read must not depend on when
-- it is read. Derived; made here from what the ledger already holds.
CREATE TABLE room_types (
    room INTEGER NOT NULL, n INTEGER NOT NULL, room_type TEXT NOT NULL, PRIMARY KEY (room, n)
) WITHOUT ROWID;
INSERT INTO room_types (room, n, room_type)
    WITH told AS (
        SELECT json_extract(CAST(e.entry AS TEXT), '$.room') AS room, e.n AS n,
               CASE json_extract(CAST(c.content AS TEXT), '$.type')
                   WHEN 'group' THEN 'group' ELSE 'direct' END AS type
        FROM entries e JOIN contents c ON c.n = e.n
        WHERE json_extract(CAST(e.entry AS TEXT), '$.kind') IN ('room.found', 'room.changed')
            AND json_valid(CAST(c.content AS TEXT))
            AND json_extract(CAST(c.content AS TEXT), '$.type') IS NOT NULL
            AND e.n < coalesce((SELECT next FROM cursors WHERE name = 'archive'), 0)
    ), news AS (SELECT told.*, lag(type) OVER (PARTITION BY room ORDER BY n) AS before FROM told)
    SELECT room, n, type FROM news WHERE type IS NOT before AND typeof(room) = 'integer';
