-- Whether a pair passes the recipe of the last build. A pair of a locked split stays when it no longer does, for that
-- split alone: it is in no list and in no later split.
ALTER TABLE pair ADD COLUMN fits INTEGER NOT NULL DEFAULT 1 CHECK (fits IN (0, 1));
