-- Version 4: purged means gone. What has seen which text is recorded, so that a purge can name it; what was
-- made from a deleted text is marked; and no log, parameter or outcome of a job contains text.

-- The pairs whose texts a base's tokenizer or a run has seen, for each partition of the split (0 train,
-- 1 val; tokenizers: 0). `ids`: ascending, the differences as LEB128. No text.
CREATE TABLE seen (
  id          INTEGER PRIMARY KEY,
  base_id     INTEGER REFERENCES base(id) ON DELETE CASCADE,
  run_id      INTEGER REFERENCES run(id) ON DELETE CASCADE,
  side        INTEGER NOT NULL CHECK (side BETWEEN 0 AND 2),
  fake_set_id INTEGER REFERENCES fake_set(id) ON DELETE SET NULL,  -- realism: the fakes it is trained on
  ids         BLOB NOT NULL,
  CHECK ((base_id IS NULL) <> (run_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX seen_by_base ON seen(base_id, side) WHERE base_id IS NOT NULL;
CREATE UNIQUE INDEX seen_by_run ON seen(run_id, side) WHERE run_id IS NOT NULL;
CREATE INDEX seen_by_fakes ON seen(fake_set_id) WHERE fake_set_id IS NOT NULL;

-- Trained on deleted content, or made from something that was. Marks are only removed with what they
-- mark.
CREATE TABLE deleted_content (
  id            INTEGER PRIMARY KEY,
  base_id       INTEGER UNIQUE REFERENCES base(id) ON DELETE CASCADE,
  run_id        INTEGER UNIQUE REFERENCES run(id) ON DELETE CASCADE,
  fake_set_id   INTEGER UNIQUE REFERENCES fake_set(id) ON DELETE CASCADE,
  evaluation_id INTEGER UNIQUE REFERENCES evaluation(id) ON DELETE CASCADE,
  generation_id INTEGER UNIQUE REFERENCES generation(id) ON DELETE CASCADE,
  pairs         INTEGER NOT NULL DEFAULT 0,   -- deleted pairs that it has seen itself
  via           TEXT NOT NULL DEFAULT '',     -- what it was made from: base | run | fakes; '': it has seen the text itself
  why           TEXT NOT NULL,                -- deleted | removed | absent | asked
  first_ms      INTEGER NOT NULL,
  last_ms       INTEGER NOT NULL,
  CHECK ((base_id IS NOT NULL) + (run_id IS NOT NULL) + (fake_set_id IS NOT NULL)
         + (evaluation_id IS NOT NULL) + (generation_id IS NOT NULL) = 1)
) STRICT;

-- Items that a job left out, by id: one bad item never ends a batch, and is not tried again forever.
CREATE TABLE left_out (
  job_id TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,
  item   TEXT NOT NULL,                       -- "pair t1_abc", "comment 17", "t3_xyz"
  why    TEXT NOT NULL,
  PRIMARY KEY (job_id, item)
) STRICT, WITHOUT ROWID;

-- A text is stored once: a copy refers to its pair.
ALTER TABLE run_sample ADD COLUMN pair_id INTEGER;
ALTER TABLE thread_comment ADD COLUMN pair_id INTEGER;

-- Samples were quoted in the logs of trainings, comments and candidates in parameters and outcomes of jobs.
DELETE FROM job_log WHERE text GLOB 'step [0-9]*: * -> *';
UPDATE job SET params = json_set(params, '$.comments', json('[]'))
  WHERE kind = 'generate' AND state IN ('done', 'cancelled') AND CASE WHEN json_valid(params) THEN json_type(params, '$.comments') END = 'array';
UPDATE job SET params = json_set(params, '$.generate.comments', json('[]'))
  WHERE kind = 'draft' AND state IN ('done', 'cancelled') AND CASE WHEN json_valid(params) THEN json_type(params, '$.generate.comments') END = 'array';
UPDATE job SET outcome = json_set(outcome, '$.comments', json('[]'))
  WHERE kind = 'generate' AND state = 'done' AND CASE WHEN json_valid(outcome) THEN json_type(outcome, '$.comments') END = 'array';
UPDATE job SET outcome = json_set(outcome, '$.generated.comments', json('[]'))
  WHERE kind = 'draft' AND state = 'done' AND CASE WHEN json_valid(outcome) THEN json_type(outcome, '$.generated.comments') END = 'array';
UPDATE job SET outcome = json_set(outcome, '$.fetched.threads', json('[]'))
  WHERE kind = 'draft' AND state = 'done' AND CASE WHEN json_valid(outcome) THEN json_type(outcome, '$.fetched.threads') END = 'array';
UPDATE job SET outcome = json_set(outcome, '$.threads', json('[]'))
  WHERE kind = 'fetch' AND state = 'done' AND CASE WHEN json_valid(outcome) THEN json_type(outcome, '$.threads') END = 'array';
-- their pages are rewritten by the next scrub
INSERT INTO setting (key, value) SELECT 'imported texts were wiped', 'true'
  WHERE EXISTS (SELECT 1 FROM purged) ON CONFLICT (key) DO NOTHING;
