-- Sweeps: one model trained with several values of its settings. A trial's result stays when its run is deleted.
CREATE TABLE sweep (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL CHECK (kind IN ('generator', 'realism', 'upvotes')),
  job_id     TEXT NOT NULL REFERENCES job(id),
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE trial (
  sweep_id INTEGER NOT NULL REFERENCES sweep(id) ON DELETE CASCADE,
  n        INTEGER NOT NULL,                -- from 1, in the order in which they are trained
  settings TEXT NOT NULL,                   -- JSON: the swept settings with their values, in order
  seed     INTEGER NOT NULL,
  outcome  TEXT CHECK (outcome IN ('finished', 'early-stop', 'stopped', 'pruned', 'failed')),  -- NULL: not ended
  run_id   INTEGER REFERENCES run(id) ON DELETE SET NULL,  -- NULL: not ended, or the run was deleted
  loss     REAL,                            -- lowest validation loss
  step     INTEGER,                         -- with that loss
  metric   TEXT,                            -- of the best checkpoint on the validation set: perplexity, auc, ...
  value    REAL,                            -- of the metric
  PRIMARY KEY (sweep_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX trial_by_run ON trial(run_id);
