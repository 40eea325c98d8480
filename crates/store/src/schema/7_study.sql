-- The permissions of a study: what Reddit, its research program and an ethics board allow for
-- Reddit content. Records are added and never changed; the newest of a kind counts. No secrets here.

CREATE TABLE study_record (
  id       INTEGER PRIMARY KEY,
  kind     TEXT NOT NULL CHECK (kind IN ('api_access', 'research_program', 'training', 'ethics_board')),
  decision TEXT NOT NULL CHECK (decision IN ('granted', 'refused', 'pending', 'withdrawn', 'not_required', 'none')),
  date     TEXT NOT NULL DEFAULT '' CHECK (date = '' OR date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  scope    TEXT NOT NULL DEFAULT '',            -- what was allowed
  until    TEXT NOT NULL DEFAULT '' CHECK (until = '' OR until GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
                                                -- the last day; empty: no end date
  policy   TEXT NOT NULL DEFAULT '',            -- version of the policy that it refers to
  link     TEXT NOT NULL DEFAULT '',            -- where it can be read
  note     TEXT NOT NULL DEFAULT '',
  who      TEXT NOT NULL,                       -- who recorded it
  at_ms    INTEGER NOT NULL,
  seal     TEXT NOT NULL DEFAULT ''              -- machine and seal of the record
) STRICT;
CREATE INDEX study_record_by_kind ON study_record(kind, id);
CREATE TRIGGER study_record_is_kept BEFORE DELETE ON study_record
  BEGIN SELECT raise(ABORT, 'a record of the study is never removed'); END;
CREATE TRIGGER study_record_stays BEFORE UPDATE ON study_record
  BEGIN SELECT raise(ABORT, 'a record of the study is never changed'); END;

-- Where a source's text comes from: reddit | forum | support | convokit | other | synthetic | unknown.
-- Unknown is treated as Reddit content until it is set.
ALTER TABLE source ADD COLUMN origin TEXT NOT NULL DEFAULT 'unknown';
UPDATE source SET origin = CASE
  WHEN format = 'sample' OR permission = 'synthetic' THEN 'synthetic'
  WHEN format IN ('pushshift', 'bigquery', 'listing') THEN 'reddit'
  ELSE 'unknown' END;

-- An existing project has "strict" off; a new one has it on from its first Reddit archive.
INSERT INTO setting (key, value)
  SELECT 'study.strict', 'false'
  WHERE EXISTS (SELECT 1 FROM source) OR EXISTS (SELECT 1 FROM base)
     OR EXISTS (SELECT 1 FROM account) OR EXISTS (SELECT 1 FROM thread);
