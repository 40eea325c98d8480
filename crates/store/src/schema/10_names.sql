-- Names of the glossary. Nothing but the words changes.
UPDATE job SET kind = 'maintenance' WHERE kind = 'upkeep';
UPDATE job SET kind = 'sandbox' WHERE kind = 'practice';
UPDATE reply SET code = 'duplicates' WHERE code = 'twins';
