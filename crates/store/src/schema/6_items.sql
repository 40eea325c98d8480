-- Names, notes and tags of sources, splits, bases, runs, fakes, evaluations and
-- generations, and which of these are being deleted.

ALTER TABLE evaluation ADD COLUMN name TEXT NOT NULL DEFAULT '';  -- '': it is called by its number

-- Which fakes a realism run was trained on. Until now only their name was known, and a name can change.
ALTER TABLE run ADD COLUMN fake_set_id INTEGER REFERENCES fake_set(id);
UPDATE run SET fake_set_id = (SELECT f.id FROM fake_set f WHERE f.name = json_extract(run.facts, '$.fakes'))
  WHERE kind = 'realism' AND json_valid(facts);

-- A generation whose replies were posted outlives its models: SQLite cannot drop a NOT NULL, so the table
-- is recreated.
CREATE TABLE generation_4 (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL DEFAULT '',              -- '': it is called by its number
  generator  INTEGER REFERENCES checkpoint(id),     -- NULL: deleted; only candidates of kept replies are left
  realism    INTEGER REFERENCES checkpoint(id),
  upvotes    INTEGER REFERENCES checkpoint(id),
  config     TEXT NOT NULL,                         -- JSON: decoding settings, seed, criteria
  created_ms INTEGER NOT NULL
) STRICT;
INSERT INTO generation_4 (id, generator, realism, upvotes, config, created_ms)
  SELECT id, generator, realism, upvotes, config, created_ms FROM generation;
DROP TABLE generation;
ALTER TABLE generation_4 RENAME TO generation;

-- Deleting a candidate looks up other answers to its comment, and deleting a comment its answers.
CREATE INDEX candidate_by_comment ON candidate(comment_id);
CREATE INDEX thread_comment_by_parent ON thread_comment(parent_id);

CREATE TABLE label (
  kind TEXT NOT NULL CHECK (kind IN ('source', 'split', 'base', 'run', 'fakes', 'evaluation', 'generation')),
  id   INTEGER NOT NULL,                            -- the row in the table of its kind
  note TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE tag (
  kind TEXT NOT NULL CHECK (kind IN ('source', 'split', 'base', 'run', 'fakes', 'evaluation', 'generation')),
  id   INTEGER NOT NULL,
  tag  TEXT NOT NULL COLLATE NOCASE,
  PRIMARY KEY (kind, id, tag)
) STRICT, WITHOUT ROWID;

-- Deleted items that are not swept out of the file yet. They are in no list; their rows are removed in batches.
CREATE TABLE deleting (
  kind TEXT NOT NULL,
  id   INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE deleting_blob (
  hash BLOB PRIMARY KEY                             -- its bundle is gone; other bundles may still need it
) STRICT, WITHOUT ROWID;
