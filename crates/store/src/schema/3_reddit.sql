-- Version 3: Reddit. Accounts and permissions, live threads, the outbox that never posts twice,
-- outcomes of posted replies, and what was purged. These tables contain no secrets: those come from the
-- environment or the keychain.

CREATE TABLE account (
  name        TEXT PRIMARY KEY COLLATE NOCASE,  -- Reddit's name of it, without u/
  client_id   TEXT NOT NULL,                    -- of the app, registered with Reddit by the user
  app         TEXT NOT NULL CHECK (app IN ('script', 'installed', 'web')),
  operator    TEXT NOT NULL,                    -- the user's own account, which the footer names
  host        TEXT NOT NULL DEFAULT '',         -- a server other than Reddit: a sandbox on this machine
  port        INTEGER NOT NULL,                 -- a login in the browser ends at http://127.0.0.1:PORT/callback
  approval    TEXT NOT NULL DEFAULT '',         -- Reddit's approval: link, date, case
  labelled_by TEXT NOT NULL DEFAULT '',         -- who confirmed that Reddit labels it as an app
  facts       TEXT NOT NULL DEFAULT '{}',       -- JSON: what Reddit reported about it, and when
  pause_ms    INTEGER NOT NULL DEFAULT 0,       -- nothing is posted before this
  stopped     TEXT NOT NULL DEFAULT '',         -- why nothing is posted until the user checks
  created_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Permissions for posting: empty at first, and nothing else is permitted.
CREATE TABLE subreddit (
  name       TEXT PRIMARY KEY COLLATE NOCASE,
  link       TEXT NOT NULL,                     -- where the permission was granted
  note       TEXT NOT NULL DEFAULT '',
  who        TEXT NOT NULL,                     -- who recorded it
  given_ms   INTEGER NOT NULL,
  expires_ms INTEGER,                           -- NULL: no end
  rules      TEXT NOT NULL DEFAULT '[]',        -- JSON: its rules as the user saw them
  checked_ms INTEGER,                           -- last check on Reddit
  off        TEXT NOT NULL DEFAULT '',          -- why it is disabled
  pause_ms   INTEGER NOT NULL DEFAULT 0         -- nothing is posted there before this
) STRICT, WITHOUT ROWID;

CREATE TABLE opt_out (
  kind   TEXT NOT NULL CHECK (kind IN ('user', 'subreddit')),
  name   TEXT NOT NULL COLLATE NOCASE,
  state  TEXT NOT NULL CHECK (state IN ('asked', 'confirmed', 'declined')),  -- the first two count
  why    TEXT NOT NULL,
  source TEXT NOT NULL DEFAULT '',              -- the comment that opted out
  who    TEXT NOT NULL,
  at_ms  INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- A rate limit belongs to a client id; all processes share its state.
CREATE TABLE throttle (
  client_id TEXT PRIMARY KEY,
  state     TEXT NOT NULL                       -- JSON
) STRICT, WITHOUT ROWID;

-- The process that may post for an account now.
CREATE TABLE lease (
  account TEXT PRIMARY KEY COLLATE NOCASE,
  owner   TEXT NOT NULL,
  beat_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A Reddit thread has its name, and an expiry: after that only ids are kept.
ALTER TABLE thread ADD COLUMN name TEXT;        -- t3_...
ALTER TABLE thread ADD COLUMN author TEXT;
ALTER TABLE thread ADD COLUMN body TEXT NOT NULL DEFAULT '';
ALTER TABLE thread ADD COLUMN permalink TEXT NOT NULL DEFAULT '';
ALTER TABLE thread ADD COLUMN score INTEGER;
ALTER TABLE thread ADD COLUMN created_utc INTEGER;
ALTER TABLE thread ADD COLUMN skip TEXT NOT NULL DEFAULT '';       -- why nothing in it is answered
ALTER TABLE thread ADD COLUMN expires_ms INTEGER;                  -- NULL: never
ALTER TABLE thread ADD COLUMN checked_ms INTEGER;                  -- last check whether it exists
CREATE UNIQUE INDEX thread_by_name ON thread(name) WHERE name IS NOT NULL;
ALTER TABLE thread_comment ADD COLUMN parent_name TEXT;            -- t1_... or t3_...; it may have no row
ALTER TABLE thread_comment ADD COLUMN permalink TEXT NOT NULL DEFAULT '';
ALTER TABLE thread_comment ADD COLUMN level INTEGER NOT NULL DEFAULT 0;  -- 0: it answers the post
ALTER TABLE thread_comment ADD COLUMN skip TEXT NOT NULL DEFAULT '';     -- why it is not answered
CREATE UNIQUE INDEX thread_comment_by_name ON thread_comment(name) WHERE name IS NOT NULL;

-- The queue becomes the outbox: SQLite cannot change a CHECK, so the table is recreated.
CREATE TABLE reply_3 (
  id            INTEGER PRIMARY KEY,
  candidate_id  INTEGER NOT NULL UNIQUE REFERENCES candidate(id),
  text          TEXT NOT NULL,                  -- as the user left it, without the footer
  state         TEXT NOT NULL CHECK (state IN ('draft', 'approved', 'sending', 'uncertain', 'absent',
                                               'posted', 'rejected', 'cancelled', 'withdrawn')),
  link          TEXT NOT NULL DEFAULT '',       -- its link
  updated_ms    INTEGER NOT NULL,
  -- from here on: approval and posting state; empty for comments without Reddit's name
  account       TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  subreddit     TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  post_name     TEXT,                           -- t3_...
  parent_name   TEXT,                           -- what it answers: t1_... or t3_...
  full_text     TEXT NOT NULL DEFAULT '',       -- as it is sent, with the footer
  hash          TEXT NOT NULL DEFAULT '',       -- blake3 of full_text
  parent_hash   TEXT NOT NULL DEFAULT '',       -- blake3 of what it answers, as the user saw it
  approved_by   TEXT NOT NULL DEFAULT '',
  approved_ms   INTEGER,
  attempt       INTEGER NOT NULL DEFAULT 0,     -- number of attempts
  intent_ms     INTEGER,                        -- start of the last attempt
  skew_ms       INTEGER NOT NULL DEFAULT 0,     -- Reddit's clock minus ours at that time
  not_before_ms INTEGER NOT NULL DEFAULT 0,     -- earliest next attempt
  posted_name   TEXT,                           -- t1_...
  posted_ms     INTEGER,
  code          TEXT NOT NULL DEFAULT '',       -- what blocks or blocked it: Reddit's code or ours
  detail        TEXT NOT NULL DEFAULT ''        -- its message
) STRICT;
INSERT INTO reply_3 (id, candidate_id, text, state, link, updated_ms)
  SELECT id, candidate_id, text, state, link, updated_ms FROM reply;
DROP TABLE reply;
ALTER TABLE reply_3 RENAME TO reply;
CREATE INDEX reply_by_state ON reply(state);
-- One reply of an account to a comment, ever: also while delivery is unconfirmed, and after it was
-- withdrawn.
CREATE UNIQUE INDEX reply_once ON reply(account, parent_name)
  WHERE parent_name IS NOT NULL
    AND state IN ('approved', 'sending', 'uncertain', 'absent', 'posted', 'withdrawn');

-- Every attempt to post, written before the socket is opened. Rows are added and ended, never removed.
CREATE TABLE attempt (
  id         INTEGER PRIMARY KEY,
  reply_id   INTEGER NOT NULL REFERENCES reply(id),
  number     INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  ended_ms   INTEGER,                           -- NULL: unknown
  status     INTEGER,                           -- HTTP
  class      INTEGER CHECK (class BETWEEN 1 AND 5),
  excerpt    TEXT NOT NULL DEFAULT '',          -- the beginning of the answer
  UNIQUE (reply_id, number)
) STRICT;
CREATE TRIGGER attempt_is_kept BEFORE DELETE ON attempt
  BEGIN SELECT raise(ABORT, 'an attempt is never removed'); END;
CREATE TRIGGER attempt_ends_once BEFORE UPDATE ON attempt
  WHEN OLD.ended_ms IS NOT NULL AND (NEW.ended_ms, NEW.class, NEW.status, NEW.started_ms, NEW.number)
       IS NOT (OLD.ended_ms, OLD.class, OLD.status, OLD.started_ms, OLD.number)
  BEGIN SELECT raise(ABORT, 'an attempt ends once'); END;

-- Completed checks for an uncertain reply.
CREATE TABLE probe (
  id       INTEGER PRIMARY KEY,
  reply_id INTEGER NOT NULL REFERENCES reply(id),
  number   INTEGER NOT NULL,                    -- of the attempt
  at_ms    INTEGER NOT NULL,
  route    TEXT NOT NULL CHECK (route IN ('own', 'parent')),  -- our comments; what answers the parent
  found    TEXT NOT NULL DEFAULT ''             -- names of ours that were found
) STRICT;
CREATE INDEX probe_by_reply ON probe(reply_id, number);

-- Outcomes of a posted reply: after an hour, a day, a week.
CREATE TABLE outcome (
  reply_id INTEGER NOT NULL REFERENCES reply(id),
  after_s  INTEGER NOT NULL,
  at_ms    INTEGER NOT NULL,                    -- when it was read
  score    INTEGER,                             -- NULL: hidden, or gone
  gone     TEXT NOT NULL DEFAULT '' CHECK (gone IN ('', 'deleted', 'removed')),
  PRIMARY KEY (reply_id, after_s)
) STRICT, WITHOUT ROWID;

-- What Reddit no longer has: ids alone, so that it is not stored again.
CREATE TABLE purged (
  name  TEXT PRIMARY KEY,                       -- t1_..., t3_...
  at_ms INTEGER NOT NULL,
  why   TEXT NOT NULL,                          -- deleted | removed | absent | asked
  pairs INTEGER NOT NULL DEFAULT 0              -- pairs of splits that lost their text: models are stale
) STRICT, WITHOUT ROWID;

-- Who did what, when. Rows are added, never changed or removed, and contain no Reddit content.
CREATE TABLE audit (
  id       INTEGER PRIMARY KEY,
  at_ms    INTEGER NOT NULL,
  who      TEXT NOT NULL,
  what     TEXT NOT NULL,
  subject  TEXT NOT NULL DEFAULT '',            -- u/..., r/..., t1_...
  reply_id INTEGER,
  hash     TEXT NOT NULL DEFAULT '',            -- of the text that was approved
  detail   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
  BEGIN SELECT raise(ABORT, 'the audit log is never cut'); END;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
  BEGIN SELECT raise(ABORT, 'the audit log is never changed'); END;
