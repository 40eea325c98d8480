//! The project's side of the ledger ([`crate::ledger`]): which comments this file's accounts have answered, what it
//! takes over from the ledger, and the file's identity.

use std::collections::HashSet;

use rusqlite::params;
use serde::Serialize;

use crate::audit::{self, Entry as Line};
use crate::ledger::{Entry, EntryState};
use crate::queue::{ReplyState, note, now};
use crate::watch::{Family, touch};
use crate::{Error, Result, Store};

/// States that a reply can be moved from if the ledger knows more about it than this file.
const BEHIND: [ReplyState; 5] = [
    ReplyState::Approved,
    ReplyState::Sending,
    ReplyState::Uncertain,
    ReplyState::Absent,
    ReplyState::Posted,
];

impl Store {
    /// Reddit's names of what an account has, or may have, answered according to this file.
    pub fn answered(&self, account: &str) -> Result<HashSet<String>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT parent_name FROM reply WHERE account = ?1 AND parent_name IS NOT NULL
                    AND state IN ('sending', 'uncertain', 'absent', 'posted', 'withdrawn')",
            )?;
            let rows = query.query_map([account], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Moves a reply to its state in the ledger: the file is older (a backup). Returns false, and changes nothing, if
    /// it can no longer be moved there.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn reply_catch_up(
        &self,
        id: i64,
        entry: &Entry,
        link: &str,
        (code, detail): (&str, &str),
        now_ms: i64,
    ) -> Result<bool> {
        let state = match entry.state {
            EntryState::Intended | EntryState::Uncertain => ReplyState::Uncertain,
            EntryState::Absent => ReplyState::Absent,
            EntryState::Posted => ReplyState::Posted,
            EntryState::Withdrawn => ReplyState::Withdrawn,
            EntryState::Released => return Ok(false),
        };
        self.write(Family::Queue, |db| {
            let (from, _) = now(db, id)?;
            if !BEHIND.contains(&from) {
                return Ok(false);
            }
            db.execute(
                "INSERT INTO attempt (reply_id, number, started_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (reply_id, number) DO NOTHING",
                params![id, entry.attempt, entry.intent_ms],
            )?;
            db.execute(
                "UPDATE reply SET state = ?2, attempt = ?3, intent_ms = ?4, skew_ms = ?5, code = ?6, detail = ?7,
                        posted_name = coalesce(nullif(?8, ''), posted_name),
                        link = CASE ?9 WHEN '' THEN link ELSE ?9 END,
                        posted_ms = CASE WHEN ?10 THEN coalesce(posted_ms, ?4) ELSE posted_ms END,
                        updated_ms = ?11
                 WHERE id = ?1",
                params![
                    id,
                    state.as_str(),
                    entry.attempt,
                    entry.intent_ms,
                    entry.skew_ms,
                    code,
                    detail,
                    entry.comment,
                    link,
                    !entry.comment.is_empty(),
                    now_ms
                ],
            )?;
            note(db, id, "repartee", "caught up", detail, now_ms)?;
            let line = Line::new("repartee", "caught up", now_ms).reply(id, &entry.hash);
            audit::note(db, &line.about(entry.parent.as_str()).detail(state.as_str()))?;
            Ok(true)
        })
    }

    /// Removes a code from a posted reply, if it still has this one.
    pub fn reply_remark_off(&self, id: i64, code: &str) -> Result<()> {
        self.write(Family::Queue, |db| {
            db.execute(
                "UPDATE reply SET code = '', detail = '' WHERE id = ?1 AND code = ?2 AND state = 'posted'",
                params![id, code],
            )?;
            Ok(())
        })
    }

    /// Makes this file the one that posts: sets its identity, and frees the accounts' leases, whose owners are those of
    /// the file that it was copied from.
    pub fn adopt<T: Serialize>(&self, key: &str, home: &T, line: &Line) -> Result<()> {
        let json = serde_json::to_string(home).map_err(|source| Error::Json {
            what: "setting",
            source,
        })?;
        self.write(Family::Settings, |db| {
            db.execute(
                "INSERT INTO setting (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![key, json],
            )?;
            db.execute("DELETE FROM lease", [])?;
            touch(db, Family::Queue)?;
            audit::note(db, line)
        })
    }
}
