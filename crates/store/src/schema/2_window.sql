-- Version 2: what a window needs. It sees what other processes write, searches pairs by words, and
-- a reply can be posted.

-- Nothing asks for the pairs of a thread; keeping this in order only slowed the join.
DROP INDEX pair_by_thread;

-- How often each family of tables was written: readers see what changed.
CREATE TABLE touched (
  family TEXT PRIMARY KEY,
  writes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The words of the pairs; the texts themselves are not copied.
CREATE VIRTUAL TABLE pair_words USING fts5(
  comment, reply, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

-- SQLite cannot change a CHECK: the table is recreated.
CREATE TABLE reply_2 (
  id           INTEGER PRIMARY KEY,
  candidate_id INTEGER NOT NULL UNIQUE REFERENCES candidate(id),
  text         TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('draft', 'approved', 'posted', 'rejected')),
  link         TEXT NOT NULL DEFAULT '',   -- where it was posted
  updated_ms   INTEGER NOT NULL
) STRICT;
INSERT INTO reply_2 (id, candidate_id, text, state, updated_ms)
  SELECT id, candidate_id, text, state, updated_ms FROM reply;
DROP TABLE reply;
ALTER TABLE reply_2 RENAME TO reply;
CREATE INDEX reply_by_state ON reply(state);
