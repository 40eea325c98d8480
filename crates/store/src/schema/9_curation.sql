-- What a person excludes from the splits made afterwards. A frozen split is not changed.
-- Pairs are built again and keep their ids, so nothing is referred to: an exclusion outlives its pair.

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
