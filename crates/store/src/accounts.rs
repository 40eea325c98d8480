//! Accounts, where they may post, and who does not want to be answered. No secret is in these tables.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::audit::{Entry, note};
use crate::watch::Family;
use crate::{Error, Result, Store};

/// An account of Reddit's that this project posts with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Reddit's name of it, without `u/`.
    pub name: String,
    /// Id of the app that is registered with Reddit.
    pub client_id: String,
    /// script, installed or web.
    pub app: String,
    /// The person's own account, which the footer names.
    pub operator: String,
    /// Another address than Reddit's; empty: Reddit itself.
    pub host: String,
    /// The port at which a login in the browser ends.
    pub port: u16,
    /// How Reddit approved the use: link, date, case; empty: nobody has said.
    pub approval: String,
    /// Who said that Reddit shows the account as an app; empty: nobody has.
    pub labelled_by: String,
    /// JSON: what Reddit said of it, and when.
    pub facts: String,
    /// Nothing is posted before this: milliseconds since 1970.
    pub pause_ms: i64,
    /// Why nothing is posted until a person has looked; empty: nothing speaks against it.
    pub stopped: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// The machine where these settings were recorded, and its seal.
    pub seal: String,
    /// The same of `labelled_by`.
    pub label_seal: String,
}

/// Where posting is permitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostingPermission {
    /// Name of the subreddit, without `r/`.
    pub name: String,
    /// Where the permission was given.
    pub link: String,
    /// More about it.
    pub note: String,
    /// Who recorded it.
    pub who: String,
    /// When, milliseconds since 1970.
    pub given_ms: i64,
    /// When it ends; `None`: it does not.
    pub expires_ms: Option<i64>,
    /// JSON: the subreddit's rules as the person saw them.
    pub rules: String,
    /// When Reddit was last asked about the subreddit.
    pub checked_ms: Option<i64>,
    /// Why nothing is posted there all the same; empty: nothing speaks against it.
    pub off: String,
    /// Nothing is posted there before this: milliseconds since 1970.
    pub pause_ms: i64,
    /// The machine where it was recorded, and its seal.
    pub seal: String,
}

/// Who or where does not want to be answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptOut {
    /// user or subreddit.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// asked (waits for a person, and counts until then), confirmed, or declined.
    pub state: String,
    /// Why, in words.
    pub why: String,
    /// Name of the comment that asked for it; empty: a person did.
    pub source: String,
    /// Who recorded or decided it.
    pub who: String,
    /// When, milliseconds since 1970.
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
    /// Adds an account, or changes the settings of the one of this name; facts, pause and stop stay. `seal` seals
    /// the account as it stands then.
    ///
    /// # Errors
    /// When the file cannot be written.
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
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{ACCOUNT} ORDER BY name"))?;
            Ok(query
                .query_map([], account_row)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// One account, whatever the case of its name.
    ///
    /// # Errors
    /// [`Error::Missing`], with the names there are.
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

    /// Notes what Reddit said of an account (JSON).
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn account_facts(&self, name: &str, facts: &str) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let sql = "UPDATE account SET facts = ?2 WHERE name = ?1";
            found(db.execute(sql, params![name, facts])?, "account", name)
        })
    }

    /// Notes that Reddit shows an account as an app, as `who` says (empty: it does not any more).
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

    /// Seals the records of an account or subreddit again, as the person of `entry` confirmed them. `make`
    /// gets the record as it stands, within the transaction, and gives its seals.
    ///
    /// # Errors
    /// [`Error::Missing`]. Within: what `make` gave.
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

    /// The same of a permission.
    ///
    /// # Errors
    /// [`Error::Missing`]. Within: what `make` gave.
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

    /// Stops an account, and says why; an empty reason lets it go on. `seal` gets it as it was and as it is,
    /// and gives its seal; `None` leaves what is there.
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

    /// Nothing is posted with an account before a time; a longer pause stays.
    ///
    /// # Errors
    /// When the file cannot be written.
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
    /// [`Error::Missing`]; [`Error::Refused`] while nobody knows whether a reply of it arrived.
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
                    why: "nobody knows yet whether a reply of it arrived".into(),
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

    /// Records that posting is permitted in a subreddit, in place of what was recorded before; what
    /// switched it off does so no more.
    ///
    /// # Errors
    /// When the file cannot be written.
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

    /// Where posting is permitted, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn posting_permissions(&self) -> Result<Vec<PostingPermission>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{PERMIT} ORDER BY name"))?;
            Ok(query
                .query_map([], posting_permission_row)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// What is recorded of a subreddit, whatever the case of its name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn posting_permission(&self, name: &str) -> Result<Option<PostingPermission>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{PERMIT} WHERE name = ?1"))?;
            Ok(query.query_row([name], posting_permission_row).optional()?)
        })
    }

    /// Switches posting in a subreddit off, and says why.
    ///
    /// # Errors
    /// [`Error::Missing`] when nothing is recorded of it.
    pub fn posting_permission_off(&self, name: &str, why: &str, entry: &Entry) -> Result<()> {
        self.write(Family::Reddit, |db| {
            // without its seal it is not on again by losing the reason alone
            let sql = "UPDATE subreddit SET off = ?2, seal = '' WHERE name = ?1";
            found(
                db.execute(sql, params![name, why])?,
                "permission for r/",
                name,
            )?;
            note(db, entry)
        })
    }

    /// Nothing is posted in a subreddit before a time; a longer pause stays.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn posting_permission_pause(&self, name: &str, until_ms: i64) -> Result<()> {
        self.write(Family::Reddit, |db| {
            let sql = "UPDATE subreddit SET pause_ms = max(pause_ms, ?2) WHERE name = ?1";
            db.execute(sql, params![name, until_ms])?;
            Ok(())
        })
    }

    /// Notes that Reddit was asked about a subreddit, and still has the rules that are recorded; or, where
    /// none were recorded yet, these. `seal` gets the permission as it was and as it is, and gives its seal;
    /// `None` leaves what is there.
    ///
    /// # Errors
    /// When the file cannot be written.
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
        // nobody took the permission back; another copy of the project has it with its own seal
        self.taken_back.keep(&old);
        Ok(())
    }

    /// Puts somebody on the list of those who are not answered. Who is confirmed stays so; who was declined
    /// is asked about again only where another comment asks.
    ///
    /// # Errors
    /// When the file cannot be written.
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
                    new.kind, new.name, new.state, new.why, new.source, new.who, new.at_ms
                ],
            )?;
            if changed == 0 {
                return Ok(());
            }
            let entry = Entry::new(&new.who, &format!("opt-out {}", new.state), new.at_ms);
            note(
                db,
                &entry.about(subject(&new.kind, &new.name)).detail(&new.why),
            )
        })
    }

    /// Decides about somebody on the list: confirmed or declined.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn opt_out_decide(
        &self,
        kind: &str,
        name: &str,
        confirmed: bool,
        who: &str,
        now_ms: i64,
    ) -> Result<()> {
        let state = if confirmed { "confirmed" } else { "declined" };
        self.write(Family::Reddit, |db| {
            let sql =
                "UPDATE opt_out SET state = ?3, who = ?4, at_ms = ?5 WHERE kind = ?1 AND name = ?2";
            let rows = db.execute(sql, params![kind, name, state, who, now_ms])?;
            found(rows, "opt-out of", name)?;
            let entry = Entry::new(who, &format!("opt-out {state}"), now_ms);
            note(db, &entry.about(subject(kind, name)))
        })
    }

    /// The list of those who are not answered, those that wait for a person first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn opt_outs(&self) -> Result<Vec<OptOut>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT kind, name, state, why, source, who, at_ms FROM opt_out
                 ORDER BY state <> 'asked', kind DESC, name",
            )?;
            let rows = query.query_map([], |row| {
                Ok(OptOut {
                    kind: row.get(0)?,
                    name: row.get(1)?,
                    state: row.get(2)?,
                    why: row.get(3)?,
                    source: row.get(4)?,
                    who: row.get(5)?,
                    at_ms: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Whether a user or subreddit is not to be answered; who only asked counts too.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_opted_out(&self, kind: &str, name: &str) -> Result<bool> {
        self.read(|db| {
            let sql = "SELECT count(*) FROM opt_out WHERE kind = ?1 AND name = ?2 AND state <> 'declined'";
            let n: i64 = db
                .prepare_cached(sql)?
                .query_row(params![kind, name], |row| row.get(0))?;
            Ok(n > 0)
        })
    }

    /// Reads the state of a client id's rate limit (empty: none yet), lets `change` make the next one of it,
    /// and stores that, in one step that no other process gets between.
    ///
    /// # Errors
    /// When the file cannot be written.
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

fn subject(kind: &str, name: &str) -> String {
    match kind {
        "user" => format!("u/{name}"),
        _ => format!("r/{name}"),
    }
}
