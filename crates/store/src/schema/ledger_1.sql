-- The ledger of a machine, version 1: which comment each account has answered, from whichever project.
-- It contains names and hashes, no texts. Times are milliseconds since 1970.

CREATE TABLE ledger (
  id TEXT NOT NULL                              -- a new ledger has another one
) STRICT;

CREATE TABLE entry (
  id         INTEGER PRIMARY KEY,
  server     TEXT NOT NULL,                     -- Reddit itself, or one run of a sandbox
  account    TEXT NOT NULL COLLATE NOCASE,
  parent     TEXT NOT NULL,                     -- what is answered: t1_... or t3_...
  project    TEXT NOT NULL,                     -- uuid; all copies of a project have the same
  copy       TEXT NOT NULL,                     -- uuid of the file
  path       TEXT NOT NULL,                     -- its path then
  reply      INTEGER NOT NULL,                  -- the reply in it
  attempt    INTEGER NOT NULL,                  -- its attempt
  hash       TEXT NOT NULL,                     -- blake3 of the text
  subreddit  TEXT NOT NULL COLLATE NOCASE,
  post       TEXT NOT NULL,                     -- t3_...
  author     TEXT NOT NULL,                     -- keyed hash of who is answered; empty: unknown
  state      TEXT NOT NULL CHECK (state IN ('intended', 'uncertain', 'absent', 'posted', 'withdrawn', 'released')),
  intent_ms  INTEGER NOT NULL,
  skew_ms    INTEGER NOT NULL,                  -- Reddit's clock minus ours at that time
  comment    TEXT NOT NULL,                     -- t1_... once it is posted; empty: unknown
  UNIQUE (server, account, parent)
) STRICT;
