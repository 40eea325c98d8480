//! Reddit accounts that a project posts with. Their secrets are not in the project: see [`repartee_reddit::secrets`].

use repartee_core::error::{Code, Error, Result};
use repartee_core::machine::Machine;
use repartee_core::sealed::{self, Origin, digest, same};
use repartee_reddit::PORT;
use repartee_store::accounts::Account;
use repartee_store::audit::Entry;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;
use crate::connect::config_of;
use crate::plain_name;

/// An account to add or change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccount {
    /// Reddit's name of it, with or without `u/`.
    pub name: String,
    /// Id of the app that you registered with Reddit; this program has none.
    pub client_id: String,
    /// script, installed or web, as registered.
    pub app: String,
    /// Your own account, which the footer names; empty: the account itself.
    pub operator: String,
    /// A server other than Reddit: a sandbox on this machine, `http://127.0.0.1:PORT`. Empty: Reddit.
    pub host: String,
    /// The port on 127.0.0.1 at which a login in the browser ends.
    pub port: u16,
    /// Reddit's approval of this use: link, date, case. Without it nothing is posted.
    pub approval: String,
}

impl Default for NewAccount {
    fn default() -> Self {
        Self {
            name: String::new(),
            client_id: String::new(),
            app: "script".to_owned(),
            operator: String::new(),
            host: String::new(),
            port: PORT,
            approval: String::new(),
        }
    }
}

/// What Reddit reported about an account, and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct AccountFacts {
    /// Last check, milliseconds since 1970; none: never.
    pub checked_ms: Option<i64>,
    pub login_ms: Option<i64>,
    /// What the login allows, separated by blanks.
    pub scope: String,
    /// Reddit has suspended it.
    pub suspended: bool,
    /// Of posts and comments.
    pub karma: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// Its e-mail address is verified.
    pub verified: bool,
    /// How many of its last hundred comments this project did not post: a bot's account does nothing else.
    pub strangers: u32,
}

/// An account for display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AccountInfo {
    /// Without `u/`.
    pub name: String,
    pub client_id: String,
    /// script, installed or web.
    pub app: String,
    /// The user's own account, which the footer names.
    pub operator: String,
    /// A server other than Reddit; empty: Reddit.
    pub host: String,
    /// The port at which a login in the browser ends.
    pub port: u16,
    /// Reddit's approval of this use; empty: not recorded, and nothing is posted.
    pub approval: String,
    /// Who confirmed that Reddit labels it as an app; empty: nobody, and nothing is posted.
    pub labelled_by: String,
    pub facts: AccountFacts,
    /// Nothing is posted before this, milliseconds since 1970; 0: no pause.
    pub pause_ms: i64,
    /// Why nothing is posted until the user checks; empty: not disabled.
    pub stopped: String,
    /// What it still needs before it can post; empty: nothing.
    pub missing: Vec<String>,
    /// Why its record must be confirmed, to follow "it was"; empty: no need.
    pub unconfirmed: String,
    /// The hash of its record, to confirm it by.
    pub seen: String,
}

impl From<Account> for AccountInfo {
    fn from(account: Account) -> Self {
        let facts: AccountFacts = serde_json::from_str(&account.facts).unwrap_or_default();
        let mut missing = Vec::new();
        if facts.login_ms.is_none() {
            missing.push("a login".to_owned());
        }
        if account.approval.is_empty() {
            missing.push("a record of how Reddit approved the use".to_owned());
        }
        if account.labelled_by.is_empty() {
            missing.push("confirmation that Reddit shows the app label".to_owned());
        }
        Self {
            name: account.name,
            client_id: account.client_id,
            app: account.app,
            operator: account.operator,
            host: account.host,
            port: account.port,
            approval: account.approval,
            labelled_by: account.labelled_by,
            facts,
            pause_ms: account.pause_ms,
            stopped: account.stopped,
            missing,
            unconfirmed: String::new(),
            seen: String::new(),
        }
    }
}

const ACCOUNT: &str = "account";
const LABEL: &str = "app label";

/// The seals of an account's settings, and of its label.
fn seals(machine: &Machine, account: &Account) -> (String, String) {
    let name = account.name.to_lowercase();
    let settings = settings(&name, account);
    let label = match account.labelled_by.as_str() {
        "" => String::new(),
        by => sealed::seal(machine, LABEL, &[&name, by]),
    };
    (sealed::seal(machine, ACCOUNT, &settings), label)
}

/// What is sealed of an account. Its pauses are Reddit's, and kept in the machine's ledger.
fn settings<'a>(name: &'a str, account: &'a Account) -> [&'a str; 7] {
    [
        name,
        &account.client_id,
        &account.app,
        &account.operator,
        &account.host,
        &account.approval,
        &account.stopped,
    ]
}

/// The seal of an account that the program itself disables or enables: what was not sealed here before does not become
/// sealed by that.
pub(crate) fn resealed(machine: &Machine, before: &Account, now: &Account) -> Option<String> {
    let name = before.name.to_lowercase();
    let parts = settings(&name, before);
    let is_here = sealed::origin(machine, &before.seal, ACCOUNT, &parts) == Origin::Here;
    is_here.then(|| seals(machine, now).0)
}

/// Where the record of an account was made; `None`: here.
pub(crate) fn account_origin(machine: &Machine, account: &Account) -> Option<Origin> {
    let name = account.name.to_lowercase();
    let of = sealed::origin(machine, &account.seal, ACCOUNT, &settings(&name, account));
    let label = match account.labelled_by.as_str() {
        "" => Origin::Here,
        by => sealed::origin(machine, &account.label_seal, LABEL, &[&name, by]),
    };
    [of, label]
        .into_iter()
        .find(|origin| *origin != Origin::Here)
}

/// The hash of an account's record.
fn account_seen(account: &Account) -> String {
    let shown = settings(&account.name, account);
    digest(
        "account",
        shown.into_iter().chain([account.labelled_by.as_str()]),
    )
}

/// Which Reddit an account is of, by its host.
fn place(host: &str) -> &str {
    match host {
        "" => "Reddit",
        _ => "a Reddit sandbox on this machine",
    }
}

impl Posting<'_> {
    /// All accounts, by name.
    pub fn accounts(self) -> Result<Vec<AccountInfo>> {
        let accounts = self.store.accounts()?.into_iter();
        accounts.map(|account| self.account_info(account)).collect()
    }

    fn account_info(self, account: Account) -> Result<AccountInfo> {
        let origin = account_origin(&self.machine()?, &account);
        let seen = account_seen(&account);
        let mut info = AccountInfo::from(account);
        if let Some(origin) = origin {
            origin.words().clone_into(&mut info.unconfirmed);
            info.missing.push(format!(
                "your confirmation: its record was {}",
                origin.words()
            ));
        }
        Ok(AccountInfo { seen, ..info })
    }

    pub(crate) fn account_confirm(
        self,
        machine: &Machine,
        name: &str,
        seen: &str,
        who: &str,
    ) -> Result<()> {
        let name = plain_name("u/", name)?;
        let subject = format!("u/{name}");
        let entry = Entry::new(who, "confirmed", self.environment.clock.now_ms()).about(&subject);
        let make = |account: &Account| -> Result<(String, String)> {
            let what = format!("what is recorded of {subject}");
            same(&what, &account_seen(account), seen)?;
            Ok(seals(machine, account))
        };
        self.store.account_confirm(&name, &entry, make)??;
        self.revoke_taken_back()?;
        Ok(())
    }

    /// One account.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist.
    pub fn account(self, name: &str) -> Result<AccountInfo> {
        self.account_info(self.store.account(&plain_name("u/", name)?)?)
    }

    /// Adds an account, or changes the one of this name, on behalf of `who`.
    ///
    /// # Errors
    /// [`Code::Usage`] if a setting is invalid; [`Code::Refused`] if the project has accounts of Reddit itself and this
    /// is one of a sandbox, or the other way round.
    pub fn account_put(self, new: &NewAccount, who: &str) -> Result<AccountInfo> {
        let name = plain_name("u/", &new.name)?;
        let operator = match new.operator.trim() {
            "" => name.clone(),
            typed => plain_name("u/", typed)?,
        };
        if !matches!(new.app.as_str(), "script" | "installed" | "web") {
            return Err(Error::usage(format!(
                "the app is {:?}; Reddit knows script, installed and web",
                new.app
            )));
        }
        let client_id = new.client_id.trim();
        if client_id.is_empty() {
            return Err(Error::usage(
                "a client id is needed: every app registered with Reddit and approved has one \
                 (reddit.com/prefs/apps); Repartee has none of its own",
            ));
        }
        let account = Account {
            name: name.clone(),
            client_id: client_id.to_owned(),
            app: new.app.clone(),
            operator,
            host: new.host.trim().trim_end_matches('/').to_owned(),
            port: new.port,
            approval: new.approval.trim().to_owned(),
            created_ms: self.environment.clock.now_ms(),
            ..Account::default()
        };
        config_of(&account).check()?;
        let is_reddits = account.host.is_empty();
        let others = self.store.accounts()?;
        if let Some(other) = others.iter().find(|a| a.host.is_empty() != is_reddits) {
            // what was permitted or posted in the sandbox must not count on Reddit itself
            return Err(Error::new(
                Code::Refused,
                format!(
                    "u/{} of this project is an account of {}; an account of {} needs a project of its own",
                    other.name,
                    place(&other.host),
                    place(&account.host)
                ),
            ));
        }
        let machine = self.machine()?;
        // before there is an account that the file could have come with
        self.note_file();
        let seal = |account: &Account| seals(&machine, account).0;
        self.store.account_put(&account, who, seal)?;
        self.revoke_taken_back()?;
        self.account(&name)
    }

    /// Removes an account from the project; what it posted stays. Its secrets stay where they are: see
    /// [`Posting::log_out`].
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] while it has a reply with unconfirmed delivery.
    pub fn account_remove(self, name: &str, who: &str) -> Result<()> {
        let name = plain_name("u/", name)?;
        let entry = Entry::new(who, "account removed", self.environment.clock.now_ms());
        Ok(self
            .store
            .account_remove(&name, &entry.about(format!("u/{name}")))?)
    }

    /// Records that `who` saw that Reddit labels the account as an app (or no longer does).
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn account_label(self, name: &str, labeled: bool, who: &str) -> Result<AccountInfo> {
        let name = plain_name("u/", name)?;
        let what = if labeled {
            "app label seen"
        } else {
            "app label gone"
        };
        let entry =
            Entry::new(who, what, self.environment.clock.now_ms()).about(format!("u/{name}"));
        let by = if labeled { who } else { "" };
        let account = Account {
            name: name.clone(),
            labelled_by: by.to_owned(),
            ..Account::default()
        };
        let (_, seal) = seals(&self.machine()?, &account);
        self.store.account_label(&name, by, &seal, &entry)?;
        self.revoke_taken_back()?;
        self.account(&name)
    }

    /// Disables all posting of an account, with a reason; an empty one enables it again.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn account_stop(self, name: &str, why: &str, who: &str) -> Result<AccountInfo> {
        let name = plain_name("u/", name)?;
        let what = if why.is_empty() { "resumed" } else { "stopped" };
        let entry =
            Entry::new(who, what, self.environment.clock.now_ms()).about(format!("u/{name}"));
        self.stop_or_resume(&name, why, &entry.detail(why))?;
        self.account(&name)
    }

    /// As [`Posting::account_stop`], with an entry for the audit log; also for the program itself.
    pub(crate) fn stop_or_resume(self, name: &str, why: &str, entry: &Entry) -> Result<()> {
        // disabling needs no seal
        let machine = self.machine().ok();
        let seal = |before: &Account, now: &Account| resealed(machine.as_ref()?, before, now);
        self.store.account_stop(name, why, entry, seal)?;
        self.revoke_taken_back()?;
        Ok(())
    }

    /// The account to use: the one named, else that of the posting rules, else the only one.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is none; [`Code::Usage`] if there are several.
    pub fn account_meant(self, named: &str) -> Result<Account> {
        let set = self.posting_rules()?.account;
        let name = [named, &set]
            .into_iter()
            .find(|name| !name.trim().is_empty());
        if let Some(name) = name {
            return Ok(self.store.account(&plain_name("u/", name)?)?);
        }
        let mut accounts = self.store.accounts()?;
        match (accounts.len(), accounts.pop()) {
            (1, Some(account)) => Ok(account),
            (0, _) | (_, None) => Err(Error::new(
                Code::NotFound,
                "there is no account yet; `repartee reddit accounts add` adds one",
            )),
            _ => Err(Error::usage("there are several accounts; name one")),
        }
    }
}
