-- What the user excludes from later splits. A locked split does not change.
-- Pairs are built again and keep their ids, so there is no foreign key: an exclusion outlives its pair.

CREATE TABLE excluded_pair (
  pair_id INTEGER PRIMARY KEY,
  reason  TEXT NOT NULL,
  at_ms   INTEGER NOT NULL
) STRICT;
CREATE TABLE excluded_author (                -- all pairs whose comment or reply is theirs
  name   TEXT PRIMARY KEY COLLATE NOCASE,
  reason TEXT NOT NULL,
  at_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
