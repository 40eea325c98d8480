-- Version 5: an approval covers what was shown, and a decision records where it was made.

ALTER TABLE reply ADD COLUMN seen TEXT NOT NULL DEFAULT '';          -- hash over what was shown at approval
ALTER TABLE reply ADD COLUMN seal TEXT NOT NULL DEFAULT '';          -- machine and seal of the approval
ALTER TABLE account ADD COLUMN seal TEXT NOT NULL DEFAULT '';        -- the same of the account's settings
ALTER TABLE account ADD COLUMN label_seal TEXT NOT NULL DEFAULT '';  -- the same of its app label
ALTER TABLE subreddit ADD COLUMN seal TEXT NOT NULL DEFAULT '';      -- the same of the permission

-- Unapproved replies have no approval; earlier versions left parts of it.
UPDATE reply SET full_text = '', hash = '', parent_hash = '', approved_by = '', approved_ms = NULL, account = ''
  WHERE state IN ('draft', 'rejected', 'cancelled');
