//! Fingerprints of purged texts. The same comment may be in a table under an id of the table's own: such a copy is
//! recognized by its words, author and subreddit, in the project when the text is purged, and in every later import. The
//! text itself is gone by then, so what is kept of it are hashes, with a key that is random in each project. A person who
//! has the file can only check whether a text that they know was purged; of a short one, they must know the author, too.

use repartee_datasets::Record;
use repartee_datasets::clean::{is_notice, is_unknown_author};
use repartee_datasets::duplicates::normalized;
use repartee_datasets::length::{HALVES, is_unspaced};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::{Error, Result};

/// The setting with the key, in hexadecimal digits.
const KEY: &str = "key of fingerprints";

/// From this many words on, two equal texts are copies, even if an author is unknown.
const WORDS_OF_ONE: usize = 8;

/// The same for a script without spaces, in characters.
const CHARACTERS_OF_ONE: usize = HALVES * WORDS_OF_ONE;

/// Ids below this one (six characters in base36) may be those of a table. Reddit's comments and posts have had longer
/// ones since 2006.
pub(crate) const SHORT_ID: i64 = 36_i64.pow(5);

/// SQL: the formats with Reddit's own ids, where another id is another comment.
pub(crate) const WITH_REDDITS_IDS: &str = "('pushshift', 'listing')";

type Hash = [u8; 16];

/// What two copies of a text have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// The words; of a text that others may write, too, with its author.
    pub(crate) words: Hash,
    /// `None`: unknown.
    author: Option<Hash>,
    /// `None`: unknown.
    subreddit: Option<Hash>,
}

impl Fingerprint {
    /// Whether two texts are copies: of the same words, author and subreddit, where both are known. A text whose author
    /// is unknown has a fingerprint only if it is long enough that nobody else wrote it.
    pub(crate) fn is_of_copy(&self, other: &Self) -> bool {
        let may_equal = |one: Option<Hash>, other: Option<Hash>| match (one, other) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.words == other.words
            && may_equal(self.author, other.author)
            && may_equal(self.subreddit, other.subreddit)
    }
}

/// A text as far as copies of it are concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    /// A comment's text, a post's title or text.
    pub(crate) text: &'a str,
    pub(crate) is_post: bool,
    /// `None`: unknown.
    pub(crate) author: Option<&'a str>,
    /// Empty: unknown.
    pub(crate) subreddit: &'a str,
}

/// Makes fingerprints.
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The project's key; `None`: nothing needed one so far.
    pub(crate) fn of(db: &Connection) -> Result<Option<Self>> {
        let value: Option<String> = db
            .prepare_cached("SELECT value FROM setting WHERE key = ?1")?
            .query_row([KEY], |row| row.get(0))
            .optional()?;
        let hex = value.and_then(|json| serde_json::from_str::<String>(&json).ok());
        let key = hex.and_then(|hex| blake3::Hash::from_hex(hex).ok());
        Ok(key.map(|key| Self(*key.as_bytes())))
    }

    /// The project's key, made if there is none.
    pub(crate) fn of_or_new(db: &Connection) -> Result<Self> {
        if let Some(key) = Self::of(db)? {
            return Ok(key);
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| Error::NoRandomness(error.to_string()))?;
        db.execute(
            "INSERT INTO setting (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            params![
                KEY,
                format!("\"{}\"", blake3::Hash::from_bytes(key).to_hex())
            ],
        )?;
        Ok(Self(key))
    }

    fn hash(&self, parts: &[&str]) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut short = [0; 16];
        short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        short
    }

    /// The fingerprints of a text: with its author, unless it is long. None if it is short and its author unknown, so that
    /// it may be anybody's. A long text of a script without spaces, which counts as a single word here, has one with its
    /// author and one without.
    pub(crate) fn fingerprints(&self, written: Written<'_>) -> impl Iterator<Item = Fingerprint> {
        words_of(written.text).into_iter().flat_map(move |words| {
            let is_long = words.split(' ').count() >= WORDS_OF_ONE;
            let unspaced = || words.chars().filter(|c| is_unspaced(*c)).count();
            let without_author = !is_long && unspaced() >= CHARACTERS_OF_ONE;
            let first = self.of_words(&words, written, is_long);
            let second = without_author.then(|| self.of_words(&words, written, true));
            first.into_iter().chain(second.flatten())
        })
    }

    fn of_words(&self, words: &str, written: Written<'_>, is_long: bool) -> Option<Fingerprint> {
        let kind = if written.is_post { "post" } else { "comment" };
        let author = (written.author)
            .filter(|name| !is_unknown_author(name))
            .map(str::to_ascii_lowercase);
        let of_words = match (&author, is_long) {
            (_, true) => self.hash(&[kind, words]),
            (Some(author), false) => self.hash(&[kind, words, author]),
            (None, false) => return None,
        };
        let subreddit = written.subreddit.to_ascii_lowercase();
        let known = Some(subreddit).filter(|name| !name.is_empty());
        Some(Fingerprint {
            words: of_words,
            author: author.map(|name| self.hash(&["author", kind, words, &name])),
            subreddit: known.map(|name| self.hash(&["subreddit", kind, words, &name])),
        })
    }

    /// The fingerprints of a comment, or of a post's title and text.
    pub(crate) fn of_record<'a>(
        &'a self,
        record: &'a Record,
    ) -> impl Iterator<Item = Fingerprint> + 'a {
        let (texts, is_post, author, subreddit) = match record {
            Record::Comment(c) => ([c.body.as_str(), ""], false, &c.author, &c.subreddit),
            Record::Post(p) => {
                let texts = [p.title.as_str(), p.selftext.as_str()];
                (texts, true, &p.author, &p.subreddit)
            }
        };
        let author = author.as_deref();
        texts.into_iter().flat_map(move |text| {
            self.fingerprints(Written {
                text,
                is_post,
                author,
                subreddit,
            })
        })
    }
}

/// The words of a text as they are compared; `None`: it has none, or is a notice that it was deleted.
fn words_of(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !is_notice(text)).then(|| normalized(text))
}

/// Whether what a model wrote has the words of a purged text, by any author. A short one may be anybody's.
pub(crate) fn is_copy_of_purged(db: &Connection, text: &str) -> Result<bool> {
    let Some(key) = Key::of(db)? else {
        return Ok(false);
    };
    let mut find =
        db.prepare_cached("SELECT EXISTS (SELECT 1 FROM purged_text WHERE words = ?1)")?;
    for is_post in [false, true] {
        let written = Written {
            text,
            is_post,
            author: None,
            subreddit: "",
        };
        for one in key.fingerprints(written) {
            if find.query_row([one.words], |row| row.get(0))? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Stores what a purged text is recognized by.
pub(crate) fn remember(db: &Connection, name: &str, of: &[Fingerprint]) -> Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO purged_text (words, name, author, subreddit) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )?;
    for one in of {
        insert.execute(params![one.words, name, one.author, one.subreddit])?;
    }
    Ok(())
}

/// Recognizes copies of purged texts in a source.
pub(crate) struct Copies<'a> {
    key: Key,
    /// Takes the fingerprint's words and the time of retrieval.
    find: CachedStatement<'a>,
}

impl<'a> Copies<'a> {
    /// `None`: nothing was purged that applies. `applies` is SQL over `purged`, for the source.
    pub(crate) fn of(db: &'a Connection, applies: &str) -> Result<Option<Self>> {
        let Some(key) = Key::of(db)? else {
            return Ok(None);
        };
        let any: bool = db.query_row("SELECT EXISTS (SELECT 1 FROM purged_text)", [], |row| {
            row.get(0)
        })?;
        if !any {
            return Ok(None);
        }
        let find = db.prepare_cached(&format!(
            "SELECT t.author, t.subreddit FROM purged_text t JOIN purged ON purged.name = t.name
             WHERE t.words = ?1 AND {applies} AND coalesce(?2 <= purged.seen_utc, TRUE)"
        ))?;
        Ok(Some(Self { key, find }))
    }

    /// Whether this is a copy of a purged text.
    pub(crate) fn has(&mut self, record: &Record) -> Result<bool> {
        let retrieved = match record {
            Record::Comment(comment) => comment.retrieved_utc,
            Record::Post(post) => post.retrieved_utc,
        };
        for one in self.key.of_record(record) {
            let mut rows = self.find.query(params![one.words, retrieved])?;
            while let Some(row) = rows.next()? {
                let purged = Fingerprint {
                    words: one.words,
                    author: row.get(0)?,
                    subreddit: row.get(1)?,
                };
                if purged.is_of_copy(&one) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_has_the_same_words_author_and_subreddit_as_far_as_they_are_known() {
        let key = Key([7; 32]);
        let of = |text: &'static str, author: Option<&'static str>, subreddit: &'static str| {
            let mut all = key.fingerprints(Written {
                text,
                is_post: false,
                author,
                subreddit,
            });
            all.next()
        };
        let long = "This sentence is in an archive, and in a table!";
        let same = "this sentence is in an archive and in a table";
        let original = of(long, Some("ann"), "test").unwrap();
        for (text, author, subreddit, is_copy) in [
            (same, Some("Ann"), "Test", true),
            (same, None, "", true),
            (same, Some("[deleted]"), "test", true),
            (same, Some("bob"), "test", false),
            (same, Some("ann"), "elsewhere", false),
            (
                "this sentence is in an archive and",
                Some("ann"),
                "test",
                false,
            ),
        ] {
            let other = of(text, author, subreddit).unwrap();
            assert_eq!(original.is_of_copy(&other), is_copy, "{text} {author:?}");
            assert_eq!(other.is_of_copy(&original), is_copy, "{text} {author:?}");
        }
        let unspaced = |author, subreddit| {
            let text = "我的钥匙在门口的垫子下面，今天晚上没有人在家里";
            let all = key.fingerprints(Written {
                text,
                is_post: false,
                author,
                subreddit,
            });
            all.collect::<Vec<_>>()
        };
        let (purged, table) = (unspaced(Some("ann"), "test"), unspaced(None, ""));
        assert_eq!((purged.len(), table.len()), (2, 1));
        assert!(purged.iter().any(|one| one.is_of_copy(&table[0])));
        let others = unspaced(Some("bob"), "test");
        assert!(
            !purged
                .iter()
                .any(|one| others.iter().any(|other| one.is_of_copy(other)))
        );
        let short = of("So do I", Some("ann"), "").unwrap();
        assert!(short.is_of_copy(&of("so do I.", Some("ANN"), "test").unwrap()));
        assert!(!short.is_of_copy(&of("so do I.", Some("bob"), "test").unwrap()));
        assert_eq!(of("So do I", None, "test"), None);
        assert_eq!(of("[removed]", Some("ann"), "test"), None);
        // two texts of an author have nothing in common, and neither have two projects
        let other = of("another text of hers", Some("ann"), "test").unwrap();
        assert!(original.author != other.author && original.subreddit != other.subreddit);
        let elsewhere = Key([8; 32]);
        let mut elsewhere = elsewhere.fingerprints(Written {
            text: long,
            is_post: false,
            author: Some("ann"),
            subreddit: "test",
        });
        assert_ne!(elsewhere.next().unwrap().words, original.words);
    }
}
