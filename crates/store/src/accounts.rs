//! Accounts, permissions for posting, and opt-outs. These tables contain no secrets.

pub use repartee_terms::{OptOutKind, OptOutState};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::audit::{Entry, note};
use crate::watch::Family;
use crate::words::word;
use crate::{Error, Result, Store};

/// A Reddit account that this project posts with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Without `u/`.
    pub name: String,
    /// Id of the app registered with Reddit.
    pub client_id: String,
    /// script, installed or web.
    pub app: String,
    /// The user's own account, which the footer names.
    pub operator: String,
    /// A server other than Reddit; empty: Reddit itself.
    pub host: String,
    /// The port at which a login in the browser ends.
    pub port: u16,
    /// Reddit's approval of this use: link, date, case; empty: not recorded.
    pub approval: String,
    /// Who confirmed that Reddit labels the account as an app; empty: nobody.
    pub labelled_by: String,
    /// JSON: what Reddit reported about it, and when.
    pub facts: String,
    /// Nothing is posted before this: milliseconds since 1970.
    pub pause_ms: i64,
    /// Why nothing is posted until the user checks; empty: not disabled.
    pub stopped: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// The machine where these settings were recorded, and its seal.
    pub seal: String,
    /// The machine where `labelled_by` was recorded, and its seal.
    pub label_seal: String,
}

/// A permission to post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostingPermission {
    /// Without `r/`.
    pub name: String,
    /// Where it was granted.
    pub link: String,
    pub note: String,
    pub who: String,
    /// Milliseconds since 1970.
    pub given_ms: i64,
    /// `None`: no end.
    pub expires_ms: Option<i64>,
    /// JSON: the subreddit's rules as the user saw them.
    pub rules: String,
    /// Last check of the subreddit on Reddit.
    pub checked_ms: Option<i64>,
    /// Why it is disabled; empty: it is not.
    pub off: String,
    /// Nothing is posted there before this: milliseconds since 1970.
    pub pause_ms: i64,
    /// The machine where it was recorded, and its seal.
    pub seal: String,
}

/// An opt-out of a user or subreddit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOut {
    pub kind: OptOutKind,
    pub name: String,
    pub state: OptOutState,
    pub why: String,
    /// Name of the comment that asked for it; empty: added by the user.
    pub source: String,
    /// Who recorded or decided it.
    pub who: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

const ACCOUNT: &str =
    "SELECT name, client_id, app, operator, host, port, approval, labelled_by, facts, pause_ms,
    stopped, created_ms, seal, label_seal FROM account";

fn account_row(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        name: row.get(0)?,
        client_id: row.get(1)?,
        app: row.get(2)?,
        operator: row.get(3)?,
        host: row.get(4)?,
        port: row.get(5)?,
        approval: row.get(6)?,
        labelled_by: row.get(7)?,
        facts: row.get(8)?,
        pause_ms: row.get(9)?,
        stopped: row.get(10)?,
        created_ms: row.get(11)?,
        seal: row.get(12)?,
        label_seal: row.get(13)?,
    })
}

const PERMIT: &str = "SELECT name, link, note, who, given_ms, expires_ms, rules, checked_ms, off, pause_ms, seal FROM subreddit";

fn posting_permission_row(row: &Row<'_>) -> rusqlite::Result<PostingPermission> {
    Ok(PostingPermission {
        name: row.get(0)?,
        link: row.get(1)?,
        note: row.get(2)?,
        who: row.get(3)?,
        given_ms: row.get(4)?,
        expires_ms: row.get(5)?,
        rules: row.get(6)?,
        checked_ms: row.get(7)?,
        off: row.get(8)?,
        pause_ms: row.get(9)?,
        seal: row.get(10)?,
    })
}

/// An account, within a transaction.
fn one_account(db: &Connection, name: &str) -> Result<Account> {
    let sql = format!("{ACCOUNT} WHERE name = ?1");
    let account = db.query_row(&sql, [name], account_row).optional()?;
    account.ok_or_else(|| Error::Missing {
        what: "account",
        name: name.to_owned(),
        there: Vec::new(),
    })
}

fn found(rows: usize, what: &'static str, name: &str) -> Result<()> {
    match rows {
        0 => Err(Error::Missing {
            what,
            name: name.to_owned(),
            there: Vec::new(),
        }),
        _ => Ok(()),
    }
}

impl Store {
    /// Adds an account, or changes the settings of the one of this name; facts, pause and stop are kept. `seal` seals
    /// the resulting account.
    pub fn account_put(
        &self,
        account: &Account,
        who: &str,
        seal: impl FnOnce(&Account) -> String,
    ) -> Result<()> {
        self.write(Family::Reddit, |db| {
            db.execute(
                "INSERT INTO account (name, client_id, app, operator, host, port, approval, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (name) DO UPDATE SET client_id = excluded.client_id, app = excluded.app,
                    operator = excluded.operator, host = excluded.host, port = excluded.port,
                    approval = excluded.approval",
                params![
                    account.name,
                    account.client_id,
                    account.app,
                    account.operator,
                    account.host,
                    account.port,
                    account.approval,
                    account.created_ms
                ],
            )?;
            let seal = seal(&one_account(db, &account.name)?);
            let sql = "UPDATE account SET seal = ?2 WHERE name = ?1";
            db.execute(sql, params![account.name, seal])?;
            let entry = Entry::new(who, "account", account.created_ms)
                .about(format!("u/{}", account.name));
            note(db, &entry.detail(&account.approval))
        })
    }

    /// All accounts, by name.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{ACCOUNT} ORDER BY name"))?;
            Ok(query
                .query_map([], account_row)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// One account; the name is case-insensitive.
    ///
    /// # Errors
    /// [`Error::Missing`], with the names that exist.
    pub fn account(&self, name: &str) -> Result<Account> {
        let mut accounts = self.accounts()?;
        match accounts
            .iter()
            .position(|a| a.name.eq_ignore_ascii_case(name))
        {
            Some(at) => Ok(accounts.swap_remove(at)),
            None => Err(Error::Missing {
                what: "account",
                name: name.to_owned(),
                there: accounts.into_iter().map(|a| a.name).collect(),
            }),
        }
    }

    /// Stores what Reddit reported about an account (JSON).
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn account_facts(&self, name: &str, facts: &str) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let sql = "UPDATE account SET facts = ?2 WHERE name = ?1";
            found(db.execute(sql, params![name, facts])?, "account", name)
        })
    }

    /// Records that Reddit labels an account as an app, as confirmed by `who` (empty: it no longer does).
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn account_label(
        &self,
        name: &str,
        labelled_by: &str,
        seal: &str,
        entry: &Entry,
    ) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let sql = "UPDATE account SET labelled_by = ?2, label_seal = ?3 WHERE name = ?1";
            found(
                db.execute(sql, params![name, labelled_by, seal])?,
                "account",
                name,
            )?;
            note(db, entry)
        })
    }

    /// Seals the record of an account or subreddit again after the user in `entry` confirmed it. `make` gets the
    /// current record, within the transaction, and returns its seals.
    ///
    /// # Errors
    /// [`Error::Missing`]. Within: what `make` returned.
    pub fn account_confirm<E>(
        &self,
        name: &str,
        entry: &Entry,
        make: impl FnOnce(&Account) -> Result<(String, String), E>,
    ) -> Result<Result<(), E>> {
        self.write(Family::Reddit, |db| {
            let account = one_account(db, name)?;
            let (seal, label_seal) = match make(&account) {
                Ok(seals) => seals,
                Err(why) => return Ok(Err(why)),
            };
            let sql = "UPDATE account SET seal = ?2, label_seal = ?3 WHERE name = ?1";
            db.execute(sql, params![name, seal, label_seal])?;
            note(db, entry)?;
            Ok(Ok(()))
        })
    }

    /// As [`Store::account_confirm`], for a permission.
    ///
    /// # Errors
    /// [`Error::Missing`]. Within: what `make` returned.
    pub fn posting_permission_confirm<E>(
        &self,
        name: &str,
        entry: &Entry,
        make: impl FnOnce(&PostingPermission) -> Result<String, E>,
    ) -> Result<Result<(), E>> {
        self.write(Family::Reddit, |db| {
            let sql = format!("{PERMIT} WHERE name = ?1");
            let permission = db
                .query_row(&sql, [name], posting_permission_row)
                .optional()?;
            let Some(permission) = permission else {
                found(0, "permission for r/", name)?;
                return Ok(Ok(()));
            };
            let seal = match make(&permission) {
                Ok(seal) => seal,
                Err(why) => return Ok(Err(why)),
            };
            let sql = "UPDATE subreddit SET seal = ?2 WHERE name = ?1";
            db.execute(sql, params![name, seal])?;
            note(db, entry)?;
            Ok(Ok(()))
        })
    }

    /// Disables an account with a reason; an empty reason enables it. `seal` gets it before and after, and returns its
    /// seal; `None` keeps the old one.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn account_stop(
        &self,
        name: &str,
        why: &str,
        entry: &Entry,
        seal: impl FnOnce(&Account, &Account) -> Option<String>,
    ) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let before = one_account(db, name)?;
            let now = Account {
                stopped: why.to_owned(),
                ..before.clone()
            };
            let seal = seal(&before, &now).unwrap_or(before.seal);
            let sql = "UPDATE account SET stopped = ?2, seal = ?3 WHERE name = ?1";
            db.execute(sql, params![name, why, seal])?;
            note(db, entry)
        })
    }

    /// Pauses posting with an account until a time; a longer pause is kept.
    pub fn account_pause(&self, name: &str, until_ms: i64) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let sql = "UPDATE account SET pause_ms = max(pause_ms, ?2) WHERE name = ?1";
            db.execute(sql, params![name, until_ms])?;
            Ok(())
        })
    }

    /// Removes an account; what it posted stays.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] while it has a reply with unconfirmed delivery.
    pub fn account_remove(&self, name: &str, entry: &Entry) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let open: i64 = db.query_row(
                "SELECT count(*) FROM reply WHERE account = ?1 AND state IN ('sending', 'uncertain')",
                [name],
                |row| row.get(0),
            )?;
            if open > 0 {
                return Err(Error::Refused {
                    what: format!("account {name}"),
                    done: "removed",
                    why: "it has a reply with unconfirmed delivery".into(),
                });
            }
            found(
                db.execute("DELETE FROM account WHERE name = ?1", [name])?,
                "account",
                name,
            )?;
            db.execute("DELETE FROM lease WHERE account = ?1", [name])?;
            note(db, entry)
        })
    }

    /// Records a permission for a subreddit, replacing an earlier one; a disabled subreddit is enabled.
    pub fn posting_permission_put(&self, permission: &PostingPermission) -> Result<()> {
        self.write(Family::Reddit, |db| {
            db.execute(
                "INSERT INTO subreddit (name, link, note, who, given_ms, expires_ms, rules, checked_ms,
                                        seal)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (name) DO UPDATE SET link = excluded.link, note = excluded.note,
                    who = excluded.who, given_ms = excluded.given_ms, expires_ms = excluded.expires_ms,
                    rules = excluded.rules, checked_ms = excluded.checked_ms, off = '', pause_ms = 0,
                    seal = excluded.seal",
                params![
                    permission.name,
                    permission.link,
                    permission.note,
                    permission.who,
                    permission.given_ms,
                    permission.expires_ms,
                    permission.rules,
                    permission.checked_ms,
                    permission.seal
                ],
            )?;
            let entry = Entry::new(&permission.who, "allowed", permission.given_ms)
                .about(format!("r/{}", permission.name));
            note(db, &entry.detail(&permission.link))
        })
    }

    /// All permissions, by name.
    pub fn posting_permissions(&self) -> Result<Vec<PostingPermission>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{PERMIT} ORDER BY name"))?;
            Ok(query
                .query_map([], posting_permission_row)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// The record of a subreddit; the name is case-insensitive.
    pub fn posting_permission(&self, name: &str) -> Result<Option<PostingPermission>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{PERMIT} WHERE name = ?1"))?;
            Ok(query.query_row([name], posting_permission_row).optional()?)
        })
    }

    /// Disables posting in a subreddit, with a reason.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no record of it.
    pub fn posting_permission_off(&self, name: &str, why: &str, entry: &Entry) -> Result<()> {
        self.write(Family::Reddit, |db| {
            // without its seal, losing the reason alone does not enable it again
            let sql = "UPDATE subreddit SET off = ?2, seal = '' WHERE name = ?1";
            found(
                db.execute(sql, params![name, why])?,
                "permission for r/",
                name,
            )?;
            note(db, entry)
        })
    }

    /// Pauses posting in a subreddit until a time; a longer pause is kept.
    pub fn posting_permission_pause(&self, name: &str, until_ms: i64) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let sql = "UPDATE subreddit SET pause_ms = max(pause_ms, ?2) WHERE name = ?1";
            db.execute(sql, params![name, until_ms])?;
            Ok(())
        })
    }

    /// Records that a subreddit was checked and still has the recorded rules; or, if none were recorded yet, these.
    /// `seal` gets the permission before and after, and returns its seal; `None` keeps the old one.
    pub fn posting_permission_checked(
        &self,
        name: &str,
        rules: &str,
        now_ms: i64,
        seal: impl FnOnce(&PostingPermission, &PostingPermission) -> Option<String>,
    ) -> Result<()> {
        let mut old = String::new();
        self.write(Family::Reddit, |db| {
            let sql = format!("{PERMIT} WHERE name = ?1");
            let Some(before) = db
                .query_row(&sql, [name], posting_permission_row)
                .optional()?
            else {
                return Ok(());
            };
            before.seal.clone_into(&mut old);
            let mut now = before.clone();
            now.checked_ms = Some(now_ms);
            if now.rules == "[]" {
                rules.clone_into(&mut now.rules);
            }
            let seal = seal(&before, &now).unwrap_or(before.seal);
            let sql = "UPDATE subreddit SET checked_ms = ?2, rules = ?3, seal = ?4 WHERE name = ?1";
            db.execute(sql, params![name, now.checked_ms, now.rules, seal])?;
            Ok(())
        })?;
        // the permission was not withdrawn; another copy of the project has it with its own seal
        self.seals_revoked(&[old])
    }

    /// Adds an opt-out. A confirmed one stays confirmed; a declined one is only opened again by another comment.
    pub fn opt_out_put(&self, new: &OptOut) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let changed = db.execute(
                "INSERT INTO opt_out (kind, name, state, why, source, who, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (kind, name) DO UPDATE SET state = excluded.state, why = excluded.why,
                    source = excluded.source, who = excluded.who, at_ms = excluded.at_ms
                 WHERE state <> 'confirmed'
                   AND (excluded.state <> 'asked' OR source = '' OR source <> excluded.source)",
                params![
                    new.kind.as_str(),
                    new.name,
                    new.state.as_str(),
                    new.why,
                    new.source,
                    new.who,
                    new.at_ms
                ],
            )?;
            if changed == 0 {
                return Ok(());
            }
            let entry = Entry::new(&new.who, &format!("opt-out {}", new.state), new.at_ms);
            note(
                db,
                &entry.about(subject(new.kind, &new.name)).detail(&new.why),
            )
        })
    }

    /// Decides an opt-out: confirmed or declined.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn opt_out_decide(
        &self,
        kind: OptOutKind,
        name: &str,
        confirmed: bool,
        who: &str,
        now_ms: i64,
    ) -> Result<()> {
        let state = match confirmed {
            true => OptOutState::Confirmed,
            false => OptOutState::Declined,
        };
        self.write(Family::Reddit, |db| {
            let sql =
                "UPDATE opt_out SET state = ?3, who = ?4, at_ms = ?5 WHERE kind = ?1 AND name = ?2";
            let rows = db.execute(
                sql,
                params![kind.as_str(), name, state.as_str(), who, now_ms],
            )?;
            found(rows, "opt-out of", name)?;
            let entry = Entry::new(who, &format!("opt-out {state}"), now_ms);
            note(db, &entry.about(subject(kind, name)))
        })
    }

    /// Opt-outs, those to be decided first.
    pub fn opt_outs(&self) -> Result<Vec<OptOut>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT name, kind, state, why, source, who, at_ms FROM opt_out
                 ORDER BY state <> 'asked', kind DESC, name",
            )?;
            let rows = query.query_map([], |row| {
                Ok(OptOut {
                    name: row.get(0)?,
                    kind: word(row, 1, "opt_out.kind")?,
                    state: word(row, 2, "opt_out.state")?,
                    why: row.get(3)?,
                    source: row.get(4)?,
                    who: row.get(5)?,
                    at_ms: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Whether a user or subreddit has opted out; an undecided opt-out counts too.
    pub fn is_opted_out(&self, kind: OptOutKind, name: &str) -> Result<bool> {
        self.read(|db| {
            let sql = "SELECT count(*) FROM opt_out WHERE kind = ?1 AND name = ?2 AND state <> 'declined'";
            let n: i64 = db
                .prepare_cached(sql)?
                .query_row(params![kind.as_str(), name], |row| row.get(0))?;
            Ok(n > 0)
        })
    }

    /// Reads the state of a client id's rate limit (empty: none yet), lets `change` compute the next one, and stores
    /// it, atomically across processes.
    pub fn throttle_change(
        &self,
        client_id: &str,
        change: impl FnOnce(&str) -> String,
    ) -> Result<()> {
        self.write(Family::Throttle, |db| {
            let state: Option<String> = db
                .prepare_cached("SELECT state FROM throttle WHERE client_id = ?1")?
                .query_row([client_id], |row| row.get(0))
                .optional()?;
            let next = change(state.as_deref().unwrap_or_default());
            db.prepare_cached(
                "INSERT INTO throttle (client_id, state) VALUES (?1, ?2)
                 ON CONFLICT (client_id) DO UPDATE SET state = excluded.state",
            )?
            .execute(params![client_id, next])?;
            Ok(())
        })
    }
}

fn subject(kind: OptOutKind, name: &str) -> String {
    match kind {
        OptOutKind::User => format!("u/{name}"),
        OptOutKind::Subreddit => format!("r/{name}"),
    }
}
