-- What a checkpoint loses at each precision, and how fast it is there, measured on one machine by `repartee quality`.
CREATE TABLE quality (
  checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id) ON DELETE CASCADE,
  precision     TEXT NOT NULL CHECK (precision IN ('f32', 'bf16', 'int8')),
  figure        REAL,                       -- perplexity of a generator, AUC of a classifier; NULL: undefined
  examples      INTEGER NOT NULL,
  side          INTEGER NOT NULL CHECK (side BETWEEN 0 AND 2),  -- the partition of these
  rate          REAL NOT NULL,              -- generated tokens/s of a generator, scored pairs/s of a classifier
  instructions  TEXT NOT NULL,              -- of the processor that it was measured on
  measured_ms   INTEGER NOT NULL,
  PRIMARY KEY (checkpoint_id, precision)
) STRICT, WITHOUT ROWID;
