-- Version 1 of the project file. Every table is STRICT; times are milliseconds since 1970 (`_ms`)
-- or, where Reddit gives them, seconds (`_utc`).
--
-- Reddit ids are base36; they are stored decoded, as integers, so that the primary key is the rowid
-- and a parent is found by one lookup. Rows that have no Reddit id (a CSV) get a negative id made
-- from a hash of their content, so that the same row read twice is the same row.

CREATE TABLE setting (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL                       -- JSON
) STRICT, WITHOUT ROWID;

-- What was imported, where it came from, and under which permission.
CREATE TABLE source (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,
  path        TEXT NOT NULL,
  format      TEXT NOT NULL,                -- pushshift | bigquery | mapped | listing | sample
  hash        TEXT,                         -- blake3 of the file's bytes; NULL until read completely
  options     TEXT NOT NULL,                -- JSON: filters and column mapping
  permission  TEXT NOT NULL DEFAULT 'unknown',
  note        TEXT NOT NULL DEFAULT '',     -- note on the permission: license, link, who granted it
  counts      TEXT NOT NULL DEFAULT '{}',   -- JSON: read, kept, new, filtered by rule, rejected
  created_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE rejected (
  source_id INTEGER NOT NULL REFERENCES source(id) ON DELETE CASCADE,
  line      INTEGER NOT NULL,               -- line of a text file, row of a table; from 1
  reason    TEXT NOT NULL,
  excerpt   TEXT NOT NULL,
  PRIMARY KEY (source_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE post (
  id            INTEGER PRIMARY KEY,
  source_id     INTEGER NOT NULL REFERENCES source(id),
  subreddit     TEXT NOT NULL,
  author        TEXT,                       -- NULL: the source names none
  title         TEXT NOT NULL,
  selftext      TEXT NOT NULL,
  score         INTEGER,                    -- NULL: unknown or hidden
  created_utc   INTEGER,
  retrieved_utc INTEGER
) STRICT;

CREATE TABLE comment (
  id            INTEGER PRIMARY KEY,
  link_id       INTEGER NOT NULL,           -- the post; it may not have been imported (yet)
  parent_id     INTEGER,                    -- the comment answered; NULL: the post itself
  source_id     INTEGER NOT NULL REFERENCES source(id),
  subreddit     TEXT NOT NULL,
  author        TEXT,
  body          TEXT NOT NULL,
  score         INTEGER,
  created_utc   INTEGER,
  retrieved_utc INTEGER
) STRICT;

-- A comment and its reply, by reference; joined as in the original BigQuery query.
CREATE TABLE pair (
  id         INTEGER PRIMARY KEY REFERENCES comment(id),   -- the reply
  comment_id INTEGER NOT NULL REFERENCES comment(id),
  thread_id  INTEGER NOT NULL                              -- the post of both
) STRICT;
CREATE INDEX pair_by_comment ON pair(comment_id);
CREATE INDEX pair_by_thread ON pair(thread_id);

CREATE TABLE split (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  seed       INTEGER NOT NULL,
  config     TEXT NOT NULL,                 -- JSON: shares of the partitions, bin edges, near-duplicate threshold
  audit      TEXT,                          -- JSON: the last audit
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE split_pair (
  split_id INTEGER NOT NULL REFERENCES split(id) ON DELETE CASCADE,
  side     INTEGER NOT NULL CHECK (side BETWEEN 0 AND 2),  -- 0 train, 1 val, 2 test
  pair_id  INTEGER NOT NULL REFERENCES pair(id),
  PRIMARY KEY (split_id, side, pair_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX split_pair_once ON split_pair(split_id, pair_id);
CREATE INDEX split_pair_by_pair ON split_pair(pair_id);

-- Content-addressed bytes. Equal tensors are stored once; chunks keep the writer free.
CREATE TABLE blob (
  hash  BLOB PRIMARY KEY,                   -- blake3 of the whole
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE chunk (
  id   INTEGER PRIMARY KEY,
  hash BLOB NOT NULL REFERENCES blob(hash) ON DELETE CASCADE,
  seq  INTEGER NOT NULL,
  data BLOB NOT NULL,                       -- at most 64 MiB
  UNIQUE (hash, seq)
) STRICT;
-- A named set of tensors and files: a base, a checkpoint's weights, an optimizer's moments.
CREATE TABLE bundle (id INTEGER PRIMARY KEY) STRICT;
CREATE TABLE bundle_part (
  bundle_id INTEGER NOT NULL REFERENCES bundle(id) ON DELETE CASCADE,
  name      TEXT NOT NULL,                  -- the tensor's Hugging Face name, or the file's
  dtype     TEXT,                           -- f32 | f16 | bf16 | i64 | u32; NULL for a file
  shape     TEXT,                           -- JSON array; NULL for a file
  hash      BLOB NOT NULL REFERENCES blob(hash),
  PRIMARY KEY (bundle_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX bundle_part_by_hash ON bundle_part(hash);

CREATE TABLE base (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL CHECK (kind IN ('gpt2', 'bert')),
  origin     TEXT NOT NULL,                 -- folder, hub id with revision, or "from scratch"
  config     TEXT NOT NULL,                 -- config.json
  bundle_id  INTEGER NOT NULL REFERENCES bundle(id),
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE run (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL CHECK (kind IN ('generator', 'realism', 'upvotes')),
  base_id    INTEGER NOT NULL REFERENCES base(id),
  split_id   INTEGER NOT NULL REFERENCES split(id),
  config     TEXT NOT NULL,                 -- TOML, verbatim
  job_id     TEXT REFERENCES job(id),
  facts      TEXT NOT NULL DEFAULT '{}',    -- JSON: device, threads, parameters, examples, estimate
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE metric (
  run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  name   TEXT NOT NULL,                     -- loss, val_loss, lr, grad_norm, tokens_per_s, ...
  step   INTEGER NOT NULL,
  value  REAL,
  PRIMARY KEY (run_id, name, step)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_sample (
  run_id  INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  step    INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  comment TEXT NOT NULL,
  text    TEXT NOT NULL,
  PRIMARY KEY (run_id, step, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,          -- never reused: others may refer to it
  run_id       INTEGER NOT NULL REFERENCES run(id),
  role         TEXT NOT NULL CHECK (role IN ('best', 'last', 'kept')),  -- kept: replaced, but used
  step         INTEGER NOT NULL,
  bundle_id    INTEGER NOT NULL REFERENCES bundle(id),     -- weights
  optimizer_id INTEGER REFERENCES bundle(id),              -- moments; only 'last' has them
  state        TEXT NOT NULL,               -- JSON: cursor, seeds, best metric
  created_ms   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX checkpoint_role ON checkpoint(run_id, role) WHERE role <> 'kept';
CREATE INDEX checkpoint_by_bundle ON checkpoint(bundle_id);
CREATE INDEX checkpoint_by_optimizer ON checkpoint(optimizer_id);

-- Replies generated to the comments of a split, with the settings of live generation.
CREATE TABLE fake_set (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id),
  split_id      INTEGER NOT NULL REFERENCES split(id),
  config        TEXT NOT NULL,              -- JSON: template, decoding settings, replies per comment, seed
  created_ms    INTEGER NOT NULL
) STRICT;
CREATE TABLE fake (
  id          INTEGER PRIMARY KEY,
  fake_set_id INTEGER NOT NULL REFERENCES fake_set(id) ON DELETE CASCADE,
  pair_id     INTEGER NOT NULL REFERENCES pair(id),        -- whose comment it answers; its partition is the fake's
  n           INTEGER NOT NULL,
  text        TEXT NOT NULL,
  finish      TEXT NOT NULL CHECK (finish IN ('end', 'length')),
  UNIQUE (fake_set_id, pair_id, n)
) STRICT;

CREATE TABLE evaluation (
  id            INTEGER PRIMARY KEY,
  checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id),
  split_id      INTEGER NOT NULL REFERENCES split(id),
  fake_set_id   INTEGER REFERENCES fake_set(id),
  side          INTEGER NOT NULL CHECK (side BETWEEN 0 AND 2),
  config        TEXT NOT NULL,              -- JSON: what it was measured on: device, threads, sizes, seed
  metrics       TEXT NOT NULL,              -- JSON
  created_ms    INTEGER NOT NULL
) STRICT;
CREATE TABLE prediction (
  evaluation_id INTEGER NOT NULL REFERENCES evaluation(id) ON DELETE CASCADE,
  n             INTEGER NOT NULL,
  pair_id       INTEGER REFERENCES pair(id),
  fake_id       INTEGER REFERENCES fake(id),
  label         INTEGER,                    -- classifiers
  p0 REAL, p1 REAL, p2 REAL, p3 REAL,       -- probability of each class
  nll REAL, tokens INTEGER,                 -- generator: summed over the reply's tokens
  PRIMARY KEY (evaluation_id, n),
  CHECK ((pair_id IS NULL) <> (fake_id IS NULL))
) STRICT, WITHOUT ROWID;

-- What replies answer: a live thread, or a comment that was pasted (one comment, no post).
CREATE TABLE thread (
  id         INTEGER PRIMARY KEY,
  origin     TEXT NOT NULL,                 -- pasted | file | test pairs | reddit
  subreddit  TEXT NOT NULL DEFAULT '',
  title      TEXT NOT NULL DEFAULT '',
  fetched_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE thread_comment (
  id          INTEGER PRIMARY KEY,
  thread_id   INTEGER NOT NULL REFERENCES thread(id) ON DELETE CASCADE,
  parent_id   INTEGER REFERENCES thread_comment(id),
  name        TEXT,                         -- t1_..., if it is from Reddit
  author      TEXT,
  body        TEXT NOT NULL,
  score       INTEGER,
  created_utc INTEGER
) STRICT;
CREATE INDEX thread_comment_by_thread ON thread_comment(thread_id);

CREATE TABLE generation (
  id         INTEGER PRIMARY KEY,
  generator  INTEGER NOT NULL REFERENCES checkpoint(id),
  realism    INTEGER REFERENCES checkpoint(id),
  upvotes    INTEGER REFERENCES checkpoint(id),
  config     TEXT NOT NULL,                 -- JSON: decoding settings, seed, criteria
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE candidate (
  id            INTEGER PRIMARY KEY,
  generation_id INTEGER NOT NULL REFERENCES generation(id) ON DELETE CASCADE,
  comment_id    INTEGER NOT NULL REFERENCES thread_comment(id),
  n             INTEGER NOT NULL,
  text          TEXT NOT NULL,
  finish        TEXT NOT NULL CHECK (finish IN ('end', 'length')),
  p_real        REAL,
  b0 REAL, b1 REAL, b2 REAL, b3 REAL,       -- probability of each upvote bin
  expected_bin  REAL,                       -- b1 + 2 b2 + 3 b3
  picked        INTEGER NOT NULL DEFAULT 0 CHECK (picked IN (0, 1)),
  reason        TEXT NOT NULL DEFAULT '',   -- why it was selected or not
  UNIQUE (generation_id, comment_id, n)
) STRICT;

-- The queue. The user moves a reply from draft to approved; nothing else does.
CREATE TABLE reply (
  id           INTEGER PRIMARY KEY,
  candidate_id INTEGER NOT NULL UNIQUE REFERENCES candidate(id),
  text         TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('draft', 'approved', 'rejected')),
  updated_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX reply_by_state ON reply(state);
CREATE TABLE reply_event (                  -- append-only: who did what, when
  id       INTEGER PRIMARY KEY,
  reply_id INTEGER NOT NULL REFERENCES reply(id),
  at_ms    INTEGER NOT NULL,
  who      TEXT NOT NULL,
  what     TEXT NOT NULL,                   -- drafted | edited | approved | rejected
  detail   TEXT NOT NULL DEFAULT ''
) STRICT;

-- The control plane: any process may set `want`; the owner polls it and obeys.
CREATE TABLE job (
  id         TEXT PRIMARY KEY,              -- uuid v7, chosen by the caller: starting twice starts once
  kind       TEXT NOT NULL,
  params     TEXT NOT NULL,                 -- JSON
  state      TEXT NOT NULL CHECK (state IN ('running', 'paused', 'done', 'failed', 'cancelled')),
  want       TEXT NOT NULL DEFAULT 'run' CHECK (want IN ('run', 'pause', 'cancel')),
  owner      TEXT,                          -- which process runs it; NULL: none
  beat_ms    INTEGER NOT NULL,              -- the owner's last heartbeat
  progress   TEXT,                          -- JSON
  outcome    TEXT,                          -- JSON: result, or { code, message, detail[] }
  created_ms INTEGER NOT NULL,
  ended_ms   INTEGER
) STRICT;
CREATE TABLE job_log (
  id     INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,
  at_ms  INTEGER NOT NULL,
  text   TEXT NOT NULL
) STRICT;
CREATE INDEX job_log_by_job ON job_log(job_id);
