-- Jobs can wait in a queue, and a training can be stopped or discarded. SQLite cannot change a CHECK:
-- the table is recreated.
CREATE TABLE job_8 (
  id          TEXT PRIMARY KEY,             -- uuid v7, chosen by the caller: starting twice starts once
  kind        TEXT NOT NULL,
  params      TEXT NOT NULL,                -- JSON
  state       TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
  want        TEXT NOT NULL DEFAULT 'run' CHECK (want IN ('run', 'pause', 'stop', 'cancel', 'discard')),
  owner       TEXT,                         -- which process runs it; NULL: none
  beat_ms     INTEGER NOT NULL,             -- the owner's last heartbeat
  progress    TEXT,                         -- JSON
  outcome     TEXT,                         -- JSON: result, or { code, message, detail[] }
  created_ms  INTEGER NOT NULL,
  ended_ms    INTEGER,
  place       INTEGER,                      -- in the queue, also while it runs or blocks it; NULL: not queued
  stops_queue INTEGER NOT NULL DEFAULT 0 CHECK (stops_queue IN (0, 1)),  -- its failure blocks the queue
  tries       INTEGER NOT NULL DEFAULT 0    -- how often it was interrupted
) STRICT;
INSERT INTO job_8 (id, kind, params, state, want, owner, beat_ms, progress, outcome, created_ms, ended_ms)
  SELECT id, kind, params, state, want, owner, beat_ms, progress, outcome, created_ms, ended_ms FROM job;
DROP TABLE job;
ALTER TABLE job_8 RENAME TO job;
CREATE INDEX job_by_place ON job(place) WHERE place IS NOT NULL;
