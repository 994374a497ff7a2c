-- The search index: for each version of a message the single characters and pairs of characters of its folded text, and
-- words for its room, its author and for having a file. The rowid is the entry. It keeps no text: hits are confirmed on
-- `versions`. The program writes the words, so the tokenizer only splits at spaces; `"` and `'` cannot be listed here and
-- are written as U+E022 and U+E027.
CREATE VIRTUAL TABLE search_index USING fts5(
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "ascii tokenchars '!#$%&()*+,-./:;<=>?@[\]^_`{|}~'"
);
-- Edits and deletions, for the list of what changed.
CREATE INDEX versions_changed ON versions (n) WHERE kind <> 'message.created';
