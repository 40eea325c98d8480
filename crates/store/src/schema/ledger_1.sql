-- The ledger of a machine, version 1: which comment each account has answered, whatever project did it.
-- It holds names and hashes, no text of anybody's. Times are milliseconds since 1970.

CREATE TABLE ledger (
  id TEXT NOT NULL                              -- a new ledger has another one
) STRICT;

CREATE TABLE entry (
  id         INTEGER PRIMARY KEY,
  server     TEXT NOT NULL,                     -- Reddit itself, or one run of a sandbox
  account    TEXT NOT NULL COLLATE NOCASE,
  parent     TEXT NOT NULL,                     -- what is answered: t1_... or t3_...
  project    TEXT NOT NULL,                     -- uuid; all copies of a project have the same
  copy       TEXT NOT NULL,                     -- uuid of this very file
  path       TEXT NOT NULL,                     -- where it was then
  reply      INTEGER NOT NULL,                  -- the reply in it
  attempt    INTEGER NOT NULL,                  -- its try
  hash       TEXT NOT NULL,                     -- blake3 of the text
  subreddit  TEXT NOT NULL COLLATE NOCASE,
  post       TEXT NOT NULL,                     -- t3_...
  author     TEXT NOT NULL,                     -- keyed hash of who is answered; empty: unknown
  state      TEXT NOT NULL CHECK (state IN ('intended', 'uncertain', 'absent', 'posted', 'withdrawn', 'released')),
  intent_ms  INTEGER NOT NULL,
  skew_ms    INTEGER NOT NULL,                  -- Reddit's clock minus ours, then
  comment    TEXT NOT NULL,                     -- t1_... once it is posted; empty: unknown
  UNIQUE (server, account, parent)
) STRICT;
