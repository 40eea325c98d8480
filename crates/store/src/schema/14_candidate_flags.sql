-- What is wrong with a candidate (an echo of its comment, a copy of a training reply, a repetition), as a JSON array of
-- kinds, lengths and ids of pairs: no text, so that a purge has nothing to find in it. NULL: it was not checked.
ALTER TABLE candidate ADD COLUMN flags TEXT;
