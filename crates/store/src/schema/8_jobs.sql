-- Jobs can wait in a queue, and a training can be stopped or discarded. SQLite cannot change a CHECK:
-- the table is made anew.
CREATE TABLE job_8 (
  id          TEXT PRIMARY KEY,             -- uuid v7, made by the caller: starting twice is starting once
  kind        TEXT NOT NULL,
  params      TEXT NOT NULL,                -- JSON
  state       TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
  want        TEXT NOT NULL DEFAULT 'run' CHECK (want IN ('run', 'pause', 'stop', 'cancel', 'discard')),
  owner       TEXT,                         -- who runs it now; NULL: nobody
  beat_ms     INTEGER NOT NULL,             -- the owner's last sign of life
  progress    TEXT,                         -- JSON
  outcome     TEXT,                         -- JSON: result, or { code, message, detail[] }
  created_ms  INTEGER NOT NULL,
  ended_ms    INTEGER,
  place       INTEGER,                      -- in the queue, also while it runs or holds it up; NULL: not in it
  stops_queue INTEGER NOT NULL DEFAULT 0 CHECK (stops_queue IN (0, 1)),  -- its failure holds the queue up
  tries       INTEGER NOT NULL DEFAULT 0    -- how often its process was lost
) STRICT;
INSERT INTO job_8 (id, kind, params, state, want, owner, beat_ms, progress, outcome, created_ms, ended_ms)
  SELECT id, kind, params, state, want, owner, beat_ms, progress, outcome, created_ms, ended_ms FROM job;
DROP TABLE job;
ALTER TABLE job_8 RENAME TO job;
CREATE INDEX job_by_place ON job(place) WHERE place IS NOT NULL;
