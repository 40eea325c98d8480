//! The machine's ledger as posting uses it: no two projects, and no two copies of one, answer the same comment with the
//! same account.
//!
//! An OS lock per account is held from the check on Reddit to the stored result; a process that dies releases it. While
//! it is held, an entry is written to the ledger on disk before anything is sent. The project's own state is always
//! written before the ledger's, so whichever knows more is right: if a process died in between, the ledger is behind
//! ([`Ledger::note`] updates it), and if a backup was restored, the project is behind (it catches up, and posts nothing
//! again).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Stop};
use repartee_core::machine::Machine;
use repartee_store::accounts::Account;
use repartee_store::ledger::{self, Entry, EntryState, Whose};
use repartee_store::outbox::Spent;
use repartee_store::purge::Gone;
use repartee_store::queue::{Reply, ReplyState};
use repartee_store::times::{SLACK_MS, pause_end};

use crate::connect::{Session, config_of, runtime};
use crate::duplicates;
use crate::home::ThisFile;
use crate::policy::{Objection, Then};
use crate::reconcile::link_of;
use crate::{Posting, ToPosting};

/// Code of a reply whose comment another project or copy has answered.
pub(crate) const ELSEWHERE: &str = "answered-elsewhere";
/// Code of an objection in a dry run: the file must be confirmed first.
const COPIED: &str = "copied";
/// Code of an objection in a dry run: there is no usable ledger.
const NO_LEDGER: &str = "no-ledger";
/// Number of lock files; accounts that share one wait for each other.
const LOCKS: u8 = 64;
/// How long to wait for another attempt with the account.
const WAIT: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// An entry further ahead than this was written with a wrong clock.
const AHEAD_MS: i64 = 86_400_000;

/// The ledger for an account on a server, and this file in it.
pub(crate) struct Ledger {
    ledger: ledger::Ledger,
    whose: Whose,
    host: String,
    file: ThisFile,
    machine: Machine,
}

/// The account's lock; released when this is dropped, or the process dies.
pub(crate) struct Alone(#[expect(dead_code, reason = "closing it unlocks it")] std::fs::File);

impl Ledger {
    /// Opens the ledger for an account. Only calls a sandbox, for the name of its run, never Reddit.
    ///
    /// # Errors
    /// [`Code::Copied`] if the user must confirm the file first; [`Code::Damaged`] and [`Code::Io`] if the ledger is
    /// unusable. Nothing may be posted then.
    pub fn open(posting: Posting<'_>, account: &Account) -> Result<Self> {
        posting.revoke_taken_back()?;
        let machine = posting.machine()?;
        let ledger = ledger::Ledger::open(machine.folder())?;
        Ok(Self {
            file: posting.confirmed_file(&machine, &ledger)?,
            whose: whose(account)?,
            host: account.host.clone(),
            ledger,
            machine,
        })
    }

    /// At the start of a job with the account's lease: synchronizes project and ledger, and checks for duplicates if
    /// still due.
    ///
    /// # Errors
    /// As [`Ledger::align`] and [`duplicates::check_due`].
    pub fn begin(&self, ctx: &Ctx, session: &Session) -> Result<(), Stop> {
        // if waits take no time, another copy's entries are in the future
        let latest = self.ledger.entries(&self.whose)?;
        let ahead_ms = latest.last().map_or(0, |e| e.intent_ms) - session.now_ms();
        if let Ok(ms @ 1..) = u64::try_from(ahead_ms) {
            session.hurry(Duration::from_millis(ms));
        }
        ctx.project
            .posting()
            .leave_alone_listed(&self.machine, &self.ledger)?;
        self.align(ctx.project.posting(), session.now_ms())?;
        duplicates::check_due(ctx, session, self)
    }

    /// Takes the account's lock, waiting while another process of this machine has it.
    ///
    /// # Errors
    /// [`Code::Busy`] if it is held for too long; [`Code::Io`] if files cannot be locked.
    pub fn lock(&self, ctx: &Ctx) -> Result<Alone, Stop> {
        let path = self.lock_path();
        let file = ledger::private(&path).map_err(|e| Error::io("open", &path, &e))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Alone(file)),
                Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(Error::io("lock", &path, &error).into());
                }
            }
            if begun.elapsed() > WAIT {
                let name = &self.whose.account;
                let words = format!(
                    "another project or copy on this machine is posting as u/{name} at this moment"
                );
                return Err(Error::new(Code::Busy, words).into());
            }
            ctx.go_on()?;
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn lock_path(&self) -> std::path::PathBuf {
        let Whose { server, account } = &self.whose;
        let name = format!("{server} {}", account.to_lowercase());
        let at = blake3::hash(name.as_bytes()).as_bytes()[0] % LOCKS;
        self.machine.folder().join(format!("posting-{at:02}.lock"))
    }

    /// What other projects and copies have answered.
    pub fn elsewhere(&self) -> Result<Elsewhere> {
        Ok(Elsewhere {
            entries: self.ledger.entries(&self.whose)?,
            file: Some(self.file.clone()),
            machine: Some(self.machine.clone()),
            objection: None,
            pauses: self.ledger.pauses(&self.whose)?,
        })
    }

    /// Records the intent to send a reply, whose attempt the project has already recorded; it is on disk when this
    /// returns.
    ///
    /// # Errors
    /// [`Code::Refused`] if another has answered the comment; or if the ledger cannot be written. The reply must not be
    /// sent then.
    pub fn intend(&self, reply: &Reply) -> Result<()> {
        if self
            .ledger
            .intend(&self.whose, &self.entry_of(reply, EntryState::Intended))?
        {
            return Ok(());
        }
        Err(Error::new(
            Code::Refused,
            "another project or copy has answered the same comment",
        ))
    }

    fn entry_of(&self, reply: &Reply, state: EntryState) -> Entry {
        let author = reply.author.as_deref();
        Entry {
            parent: reply.parent_name.clone().unwrap_or_default(),
            project: self.file.project.clone(),
            copy: self.file.copy.clone(),
            path: self.file.path.clone(),
            reply: reply.id,
            attempt: reply.outbox.attempt,
            hash: reply.outbox.hash.clone(),
            subreddit: reply.subreddit.clone(),
            post: reply.post_name.clone().unwrap_or_default(),
            author: author.map_or(String::new(), |author| tag(&self.machine, author)),
            state,
            intent_ms: reply
                .outbox
                .intent_ms
                .or(reply.outbox.posted_ms)
                .unwrap_or(reply.updated_ms),
            skew_ms: reply.outbox.skew_ms,
            comment: reply.outbox.posted_name.clone().unwrap_or_default(),
        }
    }

    /// Changes entries from the future to now, as those of the project.
    pub fn mend_times(&self, now_ms: i64) -> Result<()> {
        let past_ms = now_ms.saturating_add(SLACK_MS);
        Ok(self.ledger.mend_times(&self.whose, past_ms, now_ms)?)
    }

    /// Records a pause that Reddit asked for, or that follows from a failure, of the account, the subreddit of a reply,
    /// or the reply as approved. Editing the project does not end it.
    pub fn pause(&self, reply: &Reply, of: PauseOf, until_ms: i64) -> Result<()> {
        let about = match of {
            PauseOf::Account => String::new(),
            PauseOf::Subreddit => place(&reply.subreddit),
            PauseOf::Reply => reply.outbox.seal.clone(),
        };
        Ok(self.ledger.pause(&self.whose, &about, until_ms)?)
    }

    /// Synchronizes project and ledger for every reply of the account, whichever is behind.
    ///
    /// # Errors
    /// If either cannot be read or written.
    pub fn align(&self, posting: Posting<'_>, now_ms: i64) -> Result<()> {
        for reply in posting.store.replies(None)? {
            self.align_one(posting, &reply, now_ms)?;
        }
        Ok(())
    }

    /// As [`Ledger::align`], for one reply that just changed.
    ///
    /// # Errors
    /// As [`Ledger::align`].
    pub fn note(&self, posting: Posting<'_>, reply: i64, now_ms: i64) -> Result<()> {
        self.align_one(posting, &posting.store.reply(reply)?, now_ms)
    }

    fn align_one(&self, posting: Posting<'_>, reply: &Reply, now_ms: i64) -> Result<()> {
        let Some(parent) = reply.parent_name.as_deref() else {
            return Ok(());
        };
        if !reply
            .outbox
            .account
            .eq_ignore_ascii_case(&self.whose.account)
        {
            return Ok(());
        }
        let here = stands(posting, reply)?;
        let attempt = reply.outbox.attempt;
        let entry = self.ledger.entry(&self.whose, parent)?;
        let Some(entry) = entry.filter(|entry| entry.state != EntryState::Released) else {
            // posted before there was a ledger, or manually
            if let Some(state) = here.filter(|state| *state != EntryState::Released) {
                self.ledger.put(&self.whose, &self.entry_of(reply, state))?;
            }
            return Ok(());
        };
        if !is_of(&entry, &self.file) || entry.reply != reply.id {
            let comment = reply.outbox.posted_name.as_deref().unwrap_or_default();
            if here == Some(EntryState::Withdrawn) && !comment.is_empty() {
                self.ledger.withdrawn(&self.whose, parent, comment)?;
            }
            return Ok(());
        }
        let (there, known) = (
            (entry.attempt, entry.state),
            here.map(|here| (attempt, here)),
        );
        match known {
            Some(known) if known > there => {
                let file = (self.file.project.as_str(), self.file.copy.as_str());
                let comment = reply.outbox.posted_name.as_deref().unwrap_or_default();
                let to = (known.1, comment);
                self.ledger.set(&self.whose, parent, file, attempt, to)?;
            }
            Some(known) if known == there => {}
            _ => self.catch_up(posting, reply, &entry, now_ms)?,
        }
        Ok(())
    }

    /// The file is older than the ledger: a backup was restored.
    fn catch_up(
        &self,
        posting: Posting<'_>,
        reply: &Reply,
        entry: &Entry,
        now_ms: i64,
    ) -> Result<()> {
        // another text was posted than this one: `Elsewhere::of` says so if it is to be sent
        if entry.hash != reply.outbox.hash {
            return Ok(());
        }
        const WORDS: &str =
            "this file is older than its entry in this machine's ledger; updated from there";
        let link = match entry.comment.as_str() {
            "" => String::new(),
            name => link_of(&self.host, reply, name),
        };
        let code = match entry.state {
            EntryState::Posted => duplicates::UNCHECKED,
            EntryState::Absent => "absent",
            EntryState::Withdrawn => "",
            _ => "interrupted",
        };
        posting
            .store
            .reply_catch_up(reply.id, entry, &link, (code, WORDS), now_ms)?;
        Ok(())
    }

    /// Frees a comment that was answered from elsewhere with unconfirmed delivery; the user confirms that the answer
    /// does not exist.
    ///
    /// # Errors
    /// [`Code::Refused`] if it is posted or withdrawn; or if the ledger cannot be written.
    pub fn release(&self, reply: &Reply) -> Result<()> {
        let parent = reply.parent_name.as_deref().unwrap_or_default();
        if self.ledger.release(&self.whose, parent)? {
            return Ok(());
        }
        Err(Error::new(
            Code::Refused,
            format!("{parent} has already been answered and will not be answered again"),
        ))
    }

    /// The ledger's entry for the comment that a reply answers; `None`: it is free.
    pub fn open_entry(&self, reply: &Reply) -> Result<Option<Entry>> {
        let parent = reply.parent_name.as_deref().unwrap_or_default();
        let entry = self.ledger.entry(&self.whose, parent)?;
        Ok(entry.filter(|entry| entry.state != EntryState::Released))
    }
}

/// The ledger key for the attempt of a reply that the user wants repeated.
pub(crate) fn again_key(reply: i64) -> String {
    format!("again {reply}")
}

/// The ledger key for a reply that a copy of the project abandoned with this approval.
pub(crate) fn given_up_key(copy: &str, reply: &Reply) -> String {
    format!("given up {copy} {}", reply.outbox.seal)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PauseOf {
    Account,
    Subreddit,
    Reply,
}

/// A subreddit as pauses name it.
fn place(subreddit: &str) -> String {
    format!("r/{}", subreddit.to_lowercase())
}

/// The owner of an account's entries.
fn whose(account: &Account) -> Result<Whose> {
    let config = config_of(account);
    Ok(Whose {
        server: runtime()?.block_on(repartee_reddit::server(&config))?,
        account: account.name.clone(),
    })
}

/// A keyed hash of a name, which reveals no name outside of this machine.
fn tag(machine: &Machine, author: &str) -> String {
    machine.seal("answered author", &[&author.to_lowercase()])[..32].to_owned()
}

fn is_of(entry: &Entry, file: &ThisFile) -> bool {
    entry.project == file.project && entry.copy == file.copy
}

/// The state of a reply's last attempt by the project; `None`: there was none.
fn stands(posting: Posting<'_>, reply: &Reply) -> Result<Option<EntryState>> {
    Ok(Some(match reply.state {
        ReplyState::Sending | ReplyState::Uncertain => EntryState::Uncertain,
        ReplyState::Absent => EntryState::Absent,
        ReplyState::Posted => EntryState::Posted,
        ReplyState::Withdrawn => EntryState::Withdrawn,
        _ if reply.outbox.attempt == 0 => return Ok(None),
        ReplyState::Rejected | ReplyState::Cancelled => EntryState::Released,
        ReplyState::Approved | ReplyState::Draft => {
            let attempts = posting.store.attempts(reply.id)?;
            let last = attempts.iter().find(|a| a.number == reply.outbox.attempt);
            // if its delivery was never confirmed, it keeps its comment until the user abandons it
            match last.and_then(|last| last.class) {
                Some(1..=3) => EntryState::Released,
                _ => EntryState::Absent,
            }
        }
    }))
}

/// What other projects and copies on this machine have answered.
#[derive(Default)]
pub(crate) struct Elsewhere {
    entries: Vec<Entry>,
    file: Option<ThisFile>,
    machine: Option<Machine>,
    /// Why nothing can be posted from here at all.
    objection: Option<Objection>,
    /// Pauses that Reddit asked for, and their ends.
    pauses: HashMap<String, i64>,
}

impl Elsewhere {
    /// For displaying what blocks a reply: changes nothing, and reports a problem with the file or the ledger as an
    /// objection.
    pub fn shown(posting: Posting<'_>, account: &Account) -> Self {
        // a sandbox that is not running has answered nothing
        let Ok(whose) = whose(account) else {
            return Self::default();
        };
        let look = || {
            let machine = posting.machine()?;
            let ledger = ledger::Ledger::open(machine.folder())?;
            let found = posting.file_with(&machine, &ledger)?;
            Ok(Self {
                entries: ledger.entries(&whose)?,
                file: posting.this_file()?,
                machine: Some(machine),
                objection: found.asks.then(|| hold(COPIED, found.words)),
                pauses: ledger.pauses(&whose)?,
            })
        };
        look().unwrap_or_else(|error: Error| Self {
            objection: Some(hold(NO_LEDGER, error.message)),
            ..Self::default()
        })
    }

    fn is_own(&self, entry: &Entry) -> bool {
        self.file.as_ref().is_some_and(|file| is_of(entry, file))
    }

    /// What blocks a reply.
    pub fn of(&self, reply: &Reply) -> Option<Objection> {
        if self.objection.is_some() {
            return self.objection.clone();
        }
        let parent = reply.parent_name.as_deref().unwrap_or_default();
        let entry = self.entries.iter().find(|entry| entry.parent == parent)?;
        let own = self.is_own(entry);
        let by = match own {
            true => "a later state of this file".to_owned(),
            false => entry.path.clone(),
        };
        let comment = &entry.comment;
        let (words, then) = match entry.state {
            EntryState::Released if own && self.is_given_up(reply) => (
                "it was abandoned; approve it again to send it".to_owned(),
                Then::Redraft,
            ),
            EntryState::Released => return None,
            EntryState::Absent
                if own && self.is_wanted_again(reply, entry) && !self.is_given_up(reply) =>
            {
                return None;
            }
            EntryState::Posted if comment.is_empty() => {
                (format!("the comment was answered from {by}"), Then::Cancel)
            }
            EntryState::Posted => (
                format!("the comment was answered from {by}, as {comment}"),
                Then::Cancel,
            ),
            EntryState::Withdrawn => (
                format!(
                    "the comment was answered from {by}, and the answer was withdrawn; it is not answered again"
                ),
                Then::Cancel,
            ),
            EntryState::Intended | EntryState::Uncertain | EntryState::Absent => (
                format!(
                    "the comment may have been answered from {by}, with unconfirmed delivery; resolve it \
                     there. If that file is gone and no reply of ours is on Reddit, send it from here; \
                     `repartee reddit resolve {} --resend` does it",
                    reply.id
                ),
                Then::Hold,
            ),
        };
        Some(Objection {
            code: ELSEWHERE,
            words,
            then,
        })
    }

    /// Whether the user decided that an absent reply may be sent again, by this approval or, after it was abandoned, by
    /// another: its state alone does not say so.
    fn is_wanted_again(&self, reply: &Reply, entry: &Entry) -> bool {
        let kept = self.kept(&again_key(reply.id));
        let attempt = kept.and_then(|json| json.parse().ok());
        entry.reply == reply.id && attempt.is_some_and(|attempt: u32| attempt >= entry.attempt)
    }

    /// Whether the user abandoned a reply with this same approval.
    fn is_given_up(&self, reply: &Reply) -> bool {
        let copy = self.file.as_ref().map_or("", |file| &file.copy);
        self.kept(&given_up_key(copy, reply)).is_some()
    }

    fn kept(&self, key: &str) -> Option<String> {
        let (machine, file) = (self.machine.as_ref()?, self.file.as_ref()?);
        machine.glance().setting(&file.project, key)
    }

    /// What was posted, by this file (`ours`) and from elsewhere, as caps and pace count it for a reply. The ledger's
    /// entry takes precedence, except for the time, where the later one does.
    pub fn with_ours(&self, ours: Vec<Spent>, reply: &Reply, now_ms: i64) -> Vec<Spent> {
        let mut all: HashMap<String, Spent> = HashMap::new();
        for spent in self.spent(reply, now_ms) {
            all.insert(spent.parent.clone(), spent);
        }
        for spent in ours {
            match all.get_mut(&spent.parent) {
                Some(known) => {
                    known.at_ms = known.at_ms.max(spent.at_ms);
                    known.author = known.author.take().or(spent.author);
                }
                None => _ = all.insert(spent.parent.clone(), spent),
            }
        }
        all.into_values().collect()
    }

    /// The pauses that Reddit asked for.
    pub fn pauses(&self, reply: &Reply, now_ms: i64, found: &mut Vec<Objection>) {
        let of_place = place(&reply.subreddit);
        for (about, code, words) in [
            ("", "account-pause", "the account is paused"),
            (
                of_place.as_str(),
                "subreddit-pause",
                "the subreddit is paused",
            ),
            (reply.outbox.seal.as_str(), "later", "retry later"),
        ] {
            let until = self.pauses.get(about).copied().unwrap_or_default();
            // a reply without a seal is not sent
            let counts = !about.is_empty() || code == "account-pause";
            if counts && until > now_ms && !found.iter().any(|one| one.code == code) {
                found.push(Objection {
                    code,
                    words: words.to_owned(),
                    then: Then::Wait(pause_end(until, now_ms)),
                });
            }
        }
    }

    fn spent(&self, reply: &Reply, now_ms: i64) -> Vec<Spent> {
        let tag = match (&self.machine, reply.author.as_deref()) {
            (Some(machine), Some(author)) => tag(machine, author),
            _ => String::new(),
        };
        let parent = reply.parent_name.as_deref();
        // what this file itself wants to send again does not count
        let again = |entry: &Entry| entry.state == EntryState::Absent && self.is_own(entry);
        self.entries
            .iter()
            .filter(|entry| {
                entry.state != EntryState::Released
                    && Some(entry.parent.as_str()) != parent
                    && !again(entry)
                    && entry.intent_ms < now_ms.saturating_add(AHEAD_MS)
            })
            .map(|entry| Spent {
                reply_id: if self.is_own(entry) { entry.reply } else { 0 },
                parent: entry.parent.clone(),
                subreddit: entry.subreddit.clone(),
                post_name: entry.post.clone(),
                author: reply
                    .author
                    .clone()
                    .filter(|_| !tag.is_empty() && entry.author == tag),
                at_ms: entry.intent_ms,
            })
            .collect()
    }
}

fn hold(code: &'static str, words: String) -> Objection {
    Objection {
        code,
        words,
        then: Then::Hold,
    }
}

impl Posting<'_> {
    /// Removes traces of purged people and texts from the ledger; that they were answered stays. If that is not
    /// possible now, hashes remain.
    pub fn forget_in_ledger(self, gone: &[Gone]) {
        let forget = || {
            if gone.is_empty() || self.this_file()?.is_none() {
                return Ok(());
            }
            let names: Vec<&str> = gone.iter().map(|gone| gone.name.as_str()).collect();
            ledger::Ledger::open(self.machine()?.folder())?.forget(&names)?;
            Ok(())
        };
        if let Err(error) = forget() {
            let error: Error = error;
            tracing::warn!(%error, "the ledger still has hashes of purged content");
        }
    }

    /// Updates the ledger after the user settled a reply without a session. If that is not possible now, it is done
    /// when the account posts next: until then the ledger keeps the comment closed.
    pub fn note_in_ledger(self, reply: &Reply) {
        let noted = self
            .account_meant(&reply.outbox.account)
            .and_then(|account| {
                let ledger = Ledger::open(self, &account)?;
                ledger.note(self, reply.id, self.environment.clock.now_ms())
            });
        if let Err(error) = noted {
            tracing::warn!(%error, reply = reply.id, "the ledger was not updated");
        }
    }
}
