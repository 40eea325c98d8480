-- What was purged is recognized again without its id, and a text that an archive shows after its removal may come back.

-- When an archive saw that it is gone, seconds since 1970: a copy that was fetched later may be imported. NULL: none may.
ALTER TABLE purged ADD COLUMN seen_utc INTEGER;
-- The sources it is about: 1 those of Reddit or of unknown origin, 0 the others, 2 all of them.
ALTER TABLE purged ADD COLUMN of_reddit INTEGER NOT NULL DEFAULT 1 CHECK (of_reddit BETWEEN 0 AND 2);

-- Fingerprints of purged texts, so that a copy under another id is not imported either. All are keyed hashes (blake3),
-- with a key of this project (the setting "key of fingerprints"); author and subreddit are hashed with the words, so that
-- two texts of an author have nothing in common.
CREATE TABLE purged_text (
  words      BLOB NOT NULL,                     -- the words; of a short text, with its author
  name       TEXT NOT NULL REFERENCES purged(name) ON DELETE CASCADE,
  author     BLOB,                              -- NULL: unknown
  subreddit  BLOB,                              -- NULL: unknown
  PRIMARY KEY (words, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX purged_text_by_name ON purged_text(name);
