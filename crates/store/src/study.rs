//! Permissions of a study: append-only records, the setting "strict", and which splits have text of which sources. What
//! was registered before training is a setting, too.

use repartee_datasets::{Origin, StudyKind, StudyRecord};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::{Entry, note};
use crate::watch::Family;
use crate::{Error, Result, Store};

pub(crate) const STRICT: &str = "study.strict";
/// The setting with what was registered before training: a list.
pub const REGISTERED: &str = "study.registered";

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyEntry {
    pub id: i64,
    pub record: StudyRecord,
    pub who: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The machine on which it was recorded, and its seal.
    pub seal: String,
}

const COLUMNS: &str =
    "id, kind, decision, date, scope, until, policy, link, note, who, at_ms, seal";

fn entry_row(row: &Row<'_>) -> rusqlite::Result<StudyEntry> {
    Ok(StudyEntry {
        id: row.get(0)?,
        record: StudyRecord {
            kind: word(row, 1)?,
            decision: word(row, 2)?,
            date: row.get(3)?,
            scope: row.get(4)?,
            until: row.get(5)?,
            policy: row.get(6)?,
            link: row.get(7)?,
            note: row.get(8)?,
        },
        who: row.get(9)?,
        at_ms: row.get(10)?,
        seal: row.get(11)?,
    })
}

/// A word of an enum; an unknown one is an error, since it must not count as a permission.
fn word<T: std::str::FromStr<Err = String>>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    row.get_ref(at)?.as_str()?.parse().map_err(|why: String| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, why.into())
    })
}

fn newest(db: &Connection, kind: StudyKind) -> Result<Option<StudyEntry>> {
    let sql =
        format!("SELECT {COLUMNS} FROM study_record WHERE kind = ?1 ORDER BY id DESC LIMIT 1");
    let mut query = db.prepare_cached(&sql)?;
    let found = query.query_map([kind.name()], entry_row)?.next();
    Ok(found.transpose()?)
}

impl Store {
    /// Adds records with their seals, and an entry each in the audit log, in one transaction. A record that equals the
    /// newest of its kind, with a valid seal, is skipped, so that recording twice (by a resumed job) records once.
    pub fn study_add(
        &self,
        records: &[StudyRecord],
        who: &str,
        now_ms: i64,
        seal: impl Fn(&StudyRecord) -> String,
        counts: impl Fn(&StudyEntry) -> bool,
    ) -> Result<()> {
        self.write(Family::Settings, |db| {
            for record in records {
                let last = newest(db, record.kind)?;
                if last.is_some_and(|last| last.record == *record && counts(&last)) {
                    continue;
                }
                let seal = seal(record);
                db.prepare_cached(
                    "INSERT INTO study_record (kind, decision, date, scope, until, policy, link, note, who, at_ms, seal)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    record.kind.name(),
                    record.decision.name(),
                    record.date,
                    record.scope,
                    record.until,
                    record.policy,
                    record.link,
                    record.note,
                    who,
                    now_ms,
                    seal
                ])?;
                let entry = Entry::new(who, "study record", now_ms)
                    .about(record.kind.to_string())
                    .detail(record.decision.to_string());
                note(db, &entry)?;
            }
            Ok(())
        })
    }

    /// All records, the newest first.
    ///
    /// # Errors
    /// If a word is unknown.
    pub fn study_records(&self) -> Result<Vec<StudyEntry>> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM study_record ORDER BY id DESC");
            let mut query = db.prepare_cached(&sql)?;
            Ok(query
                .query_map([], entry_row)?
                .collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The setting "strict"; `None`: never set.
    pub fn study_strict(&self) -> Result<Option<bool>> {
        self.setting(STRICT)
    }

    /// Sets it, with an entry in the audit log.
    pub fn study_strict_set(&self, on: bool, who: &str, now_ms: i64) -> Result<()> {
        self.write(Family::Settings, |db| {
            db.execute(
                "INSERT INTO setting (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![STRICT, if on { "true" } else { "false" }],
            )?;
            let what = if on { "strict on" } else { "strict off" };
            note(db, &Entry::new(who, what, now_ms).about("study"))
        })
    }

    /// What was registered before training, oldest first.
    pub fn study_registered<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        Ok(self.setting(REGISTERED)?.unwrap_or_default())
    }

    /// Replaces what is registered, with an entry in the audit log.
    ///
    /// # Errors
    /// [`Error::Changed`] if it is not `before` any more, because another process has changed it.
    pub fn study_register<T: Serialize>(
        &self,
        before: &[T],
        now: &[T],
        entry: &Entry,
    ) -> Result<()> {
        let json = |list: &[T]| {
            serde_json::to_string(list).map_err(|source| Error::Json {
                what: "setting",
                source,
            })
        };
        let (before, now) = (json(before)?, json(now)?);
        self.write(Family::Settings, |db| {
            let stored: Option<String> = db
                .prepare_cached("SELECT value FROM setting WHERE key = ?1")?
                .query_row([REGISTERED], |row| row.get(0))
                .optional()?;
            let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).ok();
            if value(stored.as_deref().unwrap_or("[]")) != value(&before) {
                return Err(Error::Changed {
                    what: "the registration".to_owned(),
                });
            }
            db.execute(
                "INSERT INTO setting (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![REGISTERED, now],
            )?;
            note(db, entry)
        })
    }

    /// Sets where a source's text comes from, with an entry in the audit log. `not_reddit`: `who` states that it is not
    /// Reddit content; the entry says so.
    pub fn source_origin(
        &self,
        id: i64,
        origin: Origin,
        not_reddit: bool,
        who: &str,
        now_ms: i64,
    ) -> Result<()> {
        self.write(Family::Sources, |db| {
            let sql = "UPDATE source SET origin = ?2 WHERE id = ?1";
            if db.execute(sql, params![id, origin.name()])? == 0 {
                return Err(Error::Missing {
                    what: "source",
                    name: id.to_string(),
                    there: Vec::new(),
                });
            }
            let stated = match not_reddit {
                true => "; stated not to be Reddit content",
                false => "",
            };
            let entry = Entry::new(who, "source origin", now_ms)
                .about(format!("source {id}"))
                .detail(format!("{origin}{stated}"));
            note(db, &entry)
        })
    }

    /// Which of these sources the pairs of a split (none: of the project) have text from; the first one found.
    pub fn pairs_have_source(&self, split_id: Option<i64>, sources: &[i64]) -> Result<Option<i64>> {
        let ids: Vec<String> = sources.iter().map(i64::to_string).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let among = ids.join(", "); // numbers of our own
        self.read(|db| {
            let sql = format!(
                "SELECT CASE WHEN r.source_id IN ({among}) THEN r.source_id ELSE c.source_id END
                 FROM pair p JOIN comment r ON r.id = p.id JOIN comment c ON c.id = p.comment_id
                 WHERE (r.source_id IN ({among}) OR c.source_id IN ({among}))
                   AND (?1 IS NULL OR EXISTS
                     (SELECT 1 FROM split_pair s WHERE s.split_id = ?1 AND s.pair_id = p.id))
                 LIMIT 1"
            );
            let mut query = db.prepare(&sql)?;
            let found = query.query_map([split_id], |row| row.get(0))?.next();
            Ok(found.transpose()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use repartee_datasets::Decision;

    use super::*;

    fn project() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("a.repartee")).unwrap();
        (folder, store)
    }

    #[test]
    fn study_records_are_append_only() {
        let (_folder, store) = project();
        let mut record = StudyRecord::new(StudyKind::Training, Decision::Refused);
        record.date = "2026-05-01".into();
        store
            .study_add(
                std::slice::from_ref(&record),
                "ann",
                5,
                |_| String::new(),
                |_| true,
            )
            .unwrap();
        store
            .study_add(
                std::slice::from_ref(&record),
                "bob",
                6,
                |_| String::new(),
                |_| true,
            )
            .unwrap();
        let pending = StudyRecord::new(StudyKind::Training, Decision::Pending);
        store
            .study_add(&[pending], "bob", 7, |_| String::new(), |_| true)
            .unwrap();
        store
            .study_add(
                std::slice::from_ref(&record),
                "bob",
                8,
                |_| String::new(),
                |_| true,
            )
            .unwrap();
        let all = store.study_records().unwrap();
        let told: Vec<_> = all
            .iter()
            .map(|e| (e.record.decision, e.who.as_str(), e.at_ms))
            .collect();
        assert_eq!(
            told,
            [
                (Decision::Refused, "bob", 8),
                (Decision::Pending, "bob", 7),
                (Decision::Refused, "ann", 5)
            ]
        );
        let audit = store.audit(None, 10).unwrap();
        assert_eq!(audit.len(), 3);
        assert_eq!(
            (audit[0].subject.as_str(), audit[0].detail.as_str()),
            ("training", "refused")
        );
        for sql in [
            "UPDATE study_record SET decision = 'granted'",
            "DELETE FROM study_record",
            "INSERT INTO study_record (kind, decision, who, at_ms) VALUES ('all', 'granted', 'x', 1)",
            "INSERT INTO study_record (kind, decision, date, who, at_ms) VALUES ('training', 'granted', 'soon', 'x', 1)",
        ] {
            assert!(
                store.write_bare(|db| Ok(db.execute_batch(sql)?)).is_err(),
                "{sql}"
            );
        }
        assert_eq!(store.study_records().unwrap(), all);
    }

    #[test]
    fn strict_is_unset_in_a_new_project_and_its_change_is_in_the_audit_log() {
        let (_folder, store) = project();
        assert_eq!(store.study_strict().unwrap(), None);
        store.study_strict_set(false, "ann", 9).unwrap();
        assert_eq!(store.study_strict().unwrap(), Some(false));
        let audit = store.audit(None, 10).unwrap();
        assert_eq!(
            (audit[0].what.as_str(), audit[0].who.as_str()),
            ("strict off", "ann")
        );
    }

    #[test]
    fn registration_is_replaced_only_as_it_was_read_and_is_in_the_audit_log() {
        let (_folder, store) = project();
        assert_eq!(store.study_registered::<String>().unwrap(), [""; 0]);
        let (one, two) = (["a".to_owned()], ["a".to_owned(), "b".to_owned()]);
        let entry = Entry::new("ann", "study frozen", 5);
        store.study_register(&[], &one, &entry).unwrap();
        // read before another process registered something
        let late = store.study_register(&[], &two, &entry);
        assert!(matches!(late, Err(Error::Changed { .. })), "{late:?}");
        store.study_register(&one, &two, &entry).unwrap();
        assert_eq!(store.study_registered::<String>().unwrap(), two);
        assert_eq!(store.audit(None, 10).unwrap().len(), 2);
        let nobody = store.study_register(&two, &one, &Entry::new(" ", "study frozen", 6));
        assert!(nobody.is_err());
        assert_eq!(store.study_registered::<String>().unwrap(), two);
    }

    /// A file of the previous version.
    fn older(content: &str) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.repartee");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!(
            "PRAGMA application_id = {};",
            crate::APPLICATION_ID
        ))
        .unwrap();
        for sql in [
            include_str!("schema/1_project.sql"),
            include_str!("schema/2_window.sql"),
            include_str!("schema/3_reddit.sql"),
            content,
            "PRAGMA user_version = 3;",
        ] {
            db.execute_batch(sql).unwrap();
        }
        drop(db);
        let store = Store::open(&path).unwrap();
        (folder, store)
    }

    #[test]
    fn older_project_opens_with_strict_off_and_source_origins_detected() {
        let (_folder, store) = older(
            "INSERT INTO source VALUES
               (1, 'RC', 'RC', 'pushshift', NULL, '{}', 'unknown', '', '{}', 1),
               (2, 'made', 'made', 'pushshift', NULL, '{}', 'synthetic', '', '{}', 1),
               (3, 'table', 'table', 'mapped', NULL, '{}', 'own', '', '{}', 1);",
        );
        assert_eq!(store.study_strict().unwrap(), Some(false));
        let origins: Vec<Origin> = store.sources().unwrap().iter().map(|s| s.origin).collect();
        assert_eq!(
            origins,
            [Origin::Reddit, Origin::Synthetic, Origin::Unknown]
        );
        assert!(store.study_records().unwrap().is_empty());
        store
            .source_origin(3, Origin::Forum, false, "ann", 5)
            .unwrap();
        assert_eq!(store.source(3).unwrap().unwrap().origin, Origin::Forum);
        assert_eq!(store.audit(None, 1).unwrap()[0].detail, "forum");
        let (_folder, empty) = older("");
        assert_eq!(empty.study_strict().unwrap(), None);
    }
}
