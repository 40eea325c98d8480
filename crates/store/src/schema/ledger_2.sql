-- Version 2: what holds on this machine whatever a project file says. A file can be edited, and an older state of
-- it can be restored; none of that loosens what is in here. No text of a comment or reply, names as keyed hashes.

CREATE TABLE revoked (
  seal TEXT PRIMARY KEY                         -- of a decision that was withdrawn or replaced
) STRICT, WITHOUT ROWID;

CREATE TABLE pause (
  server   TEXT NOT NULL,
  account  TEXT NOT NULL COLLATE NOCASE,
  about    TEXT NOT NULL,                       -- empty: the account; r/name: there; else the seal of an approval
  until_ms INTEGER NOT NULL,                    -- nothing is posted before this
  PRIMARY KEY (server, account, about)
) STRICT, WITHOUT ROWID;

CREATE TABLE left_alone (
  project TEXT NOT NULL,                        -- uuid
  who     TEXT NOT NULL,                        -- keyed hash of a user or subreddit
  PRIMARY KEY (project, who)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
  project TEXT NOT NULL,                        -- uuid
  key     TEXT NOT NULL,
  value   TEXT NOT NULL,                        -- JSON, the user's latest value on this machine
  PRIMARY KEY (project, key)
) STRICT, WITHOUT ROWID;
