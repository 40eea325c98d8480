//! Permissions for posting (none by default), and opt-outs.

use repartee_reddit::{Rule, Subreddit};
use repartee_store::accounts::{OptOut, Permit};
use repartee_store::audit::Entry;
use repartee_store::times::is_due;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::connect::Session;
use super::plain_name;
use super::policy::hash;
use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::job::{Ctx, Stop};
use crate::machine::Machine;
use crate::sealed::{self, Origin, digest, same};

/// A subreddit is checked again after this long: a day.
const CHECK_EVERY_MS: i64 = 86_400_000;
/// Subreddits where a program must not post: people in need write there.
const NEVER: [&str; 14] = [
    "suicidewatch",
    "depression",
    "depression_help",
    "selfharm",
    "mentalhealth",
    "anxiety",
    "ptsd",
    "eatingdisorders",
    "grief",
    "griefsupport",
    "rapecounseling",
    "domesticviolence",
    "stopdrinking",
    "askdocs",
];

/// A permission to record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct NewPermit {
    /// With or without `r/`.
    pub subreddit: String,
    /// Where it was granted: a link to the moderators' message or rule.
    pub link: String,
    pub note: String,
    /// Milliseconds since 1970; none: no end.
    pub expires_ms: Option<i64>,
    /// The rules as the user saw them, JSON as in [`SubredditLook`]; empty: they are stored at the first check of the
    /// subreddit.
    pub rules: String,
}

/// A permission for display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PermitInfo {
    /// Without `r/`.
    pub subreddit: String,
    /// Where it was granted.
    pub link: String,
    pub note: String,
    pub who: String,
    /// Milliseconds since 1970.
    pub given_ms: i64,
    /// None: no end.
    pub expires_ms: Option<i64>,
    /// Last check of the subreddit on Reddit.
    pub checked_ms: Option<i64>,
    /// Why it is disabled; empty: it is not.
    pub off: String,
    /// Nothing is posted there before this; 0: no pause.
    pub pause_ms: i64,
    /// Why it must be confirmed, to follow "it was"; empty: no need.
    pub unconfirmed: String,
    /// The hash of the record, to confirm it by.
    pub seen: String,
}

const PERMISSION: &str = "permission";

/// A permission as it is sealed and shown: start and end are strings for this.
fn recorded(permit: &Permit) -> [String; 7] {
    [
        permit.rules.clone(),
        permit.name.to_lowercase(),
        permit.link.clone(),
        permit.note.clone(),
        permit.who.clone(),
        permit.given_ms.to_string(),
        permit
            .expires_ms
            .map(|at| at.to_string())
            .unwrap_or_default(),
    ]
}

/// What is sealed: the record, and the last check of the subreddit.
fn sealed_parts(permit: &Permit) -> Vec<String> {
    let checked = permit.checked_ms.map(|at| at.to_string());
    let mut parts = Vec::from(recorded(permit));
    parts.push(checked.unwrap_or_default());
    parts
}

fn permit_seal(machine: &Machine, permit: &Permit) -> String {
    let parts = sealed_parts(permit);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    sealed::seal(machine, PERMISSION, &parts)
}

/// Where a permission was recorded.
pub(crate) fn permit_origin(machine: &Machine, permit: &Permit) -> Origin {
    let parts = sealed_parts(permit);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    sealed::origin(machine, &permit.seal, PERMISSION, &parts)
}

fn permit_seen(permit: &Permit) -> String {
    let parts = recorded(permit);
    let parts = parts.iter().map(String::as_str);
    digest("permission", parts.chain([permit.off.as_str()]))
}

impl PermitInfo {
    fn new(machine: &Machine, permit: Permit) -> Self {
        // a disabled subreddit needs a new record before anything is posted there
        let unconfirmed = match permit.off.as_str() {
            "" => permit_origin(machine, &permit).words(),
            _ => "",
        };
        Self {
            unconfirmed: unconfirmed.to_owned(),
            seen: permit_seen(&permit),
            subreddit: permit.name,
            link: permit.link,
            note: permit.note,
            who: permit.who,
            given_ms: permit.given_ms,
            expires_ms: permit.expires_ms,
            checked_ms: permit.checked_ms,
            off: permit.off,
            pause_ms: permit.pause_ms,
        }
    }
}

/// A subreddit as Reddit shows it, to read before recording a permission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SubredditLook {
    /// Without `r/`.
    pub subreddit: String,
    pub title: String,
    pub subscribers: Option<u64>,
    /// Why we may not comment there; empty: we may.
    pub closed: String,
    /// Names and texts of its rules.
    pub rules: Vec<(String, String)>,
    /// The same as JSON, for [`NewPermit::rules`].
    pub rules_json: String,
}

/// An opt-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OptOutInfo {
    /// user or subreddit.
    pub kind: String,
    pub name: String,
    /// asked (to be decided, and counts until then), confirmed or declined.
    pub state: String,
    pub why: String,
    /// Name of the comment that asked for it; empty: added by the user.
    pub source: String,
    /// Who recorded or decided it.
    pub who: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// Whether a subreddit is one where a program must not post.
pub(crate) fn is_denied(subreddit: &str) -> bool {
    NEVER
        .iter()
        .any(|name| name.eq_ignore_ascii_case(subreddit))
}

/// Whether a reply to us opts out.
pub(crate) fn asks_to_stop(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    matches!(
        bare,
        "stop" | "unsubscribe" | "opt out" | "opt-out" | "optout" | "go away" | "leave me alone"
    ) || [
        "bad bot",
        "opt out",
        "opt-out",
        "stop replying",
        "stop answering me",
        "fuck off bot",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// The ledger key for the hash of a subreddit's rules at its last check.
fn rules_key(subreddit: &str) -> String {
    format!("rules of r/{}", subreddit.to_lowercase())
}

fn rules_json(rules: &[Rule]) -> String {
    let texts: Vec<(&str, &str)> = rules
        .iter()
        .map(|rule| (rule.short_name.as_str(), rule.description.as_str()))
        .collect();
    serde_json::to_string(&texts).unwrap_or_else(|_| "[]".to_owned())
}

impl Engine {
    /// All permissions.
    pub fn permits(&self) -> Result<Vec<PermitInfo>> {
        let permits = self.store.permits()?;
        if permits.is_empty() {
            return Ok(Vec::new());
        }
        let machine = self.machine()?;
        let permits = permits.into_iter();
        Ok(permits
            .map(|permit| PermitInfo::new(&machine, permit))
            .collect())
    }

    pub(crate) fn permit_confirm(
        &self,
        machine: &Machine,
        name: &str,
        seen: &str,
        who: &str,
    ) -> Result<()> {
        let name = plain_name("r/", name)?;
        let subject = format!("r/{name}");
        let entry = Entry::new(who, "confirmed", self.outside.clock.now_ms()).about(&subject);
        let make = |permit: &Permit| -> Result<String> {
            if !permit.off.is_empty() {
                return Err(Error::usage(format!(
                    "{subject} is switched off: {}; a new permission switches it on",
                    permit.off
                )));
            }
            let what = format!("the permission for {subject}");
            same(&what, &permit_seen(permit), seen)?;
            Ok(permit_seal(machine, permit))
        };
        self.store.permit_confirm(&name, &entry, make)??;
        self.revoke_taken_back();
        Ok(())
    }

    /// Records a permission for a subreddit, on behalf of `who`.
    ///
    /// # Errors
    /// [`Code::Usage`] without a link to where it was granted; [`Code::Refused`] where a program must not post.
    pub fn permit_subreddit(&self, new: &NewPermit, who: &str) -> Result<PermitInfo> {
        let name = plain_name("r/", &new.subreddit)?;
        if is_denied(&name) {
            return Err(Error::new(
                Code::Refused,
                format!("r/{name} is for people in need; this program does not post there"),
            ));
        }
        let link = new.link.trim();
        if !link.starts_with("https://") && !link.starts_with("http://") {
            return Err(Error::usage(
                "a link to the permission is needed: the moderators' message, or the rule that allows it",
            ));
        }
        let rules = if new.rules.is_empty() {
            "[]"
        } else {
            &new.rules
        };
        if serde_json::from_str::<Vec<(String, String)>>(rules).is_err() {
            return Err(Error::usage(
                "the rules are not the JSON that reading a subreddit returns",
            ));
        }
        let permit = Permit {
            name: name.clone(),
            link: link.to_owned(),
            note: new.note.trim().to_owned(),
            who: who.to_owned(),
            given_ms: self.outside.clock.now_ms(),
            expires_ms: new.expires_ms,
            rules: rules.to_owned(),
            ..Permit::default()
        };
        let permit = Permit {
            seal: permit_seal(&self.machine()?, &permit),
            ..permit
        };
        self.store.permit_put(&permit)?;
        self.keep_setting(&rules_key(&name), &"");
        self.revoke_taken_back();
        self.permit_of(&name)
    }

    fn permit_of(&self, name: &str) -> Result<PermitInfo> {
        let permit = self.store.permit(name)?.ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("no permission is recorded for r/{name}"),
            )
        })?;
        Ok(PermitInfo::new(&self.machine()?, permit))
    }

    /// Disables posting in a subreddit, on behalf of `who`, with a reason. A new permission enables it again.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no record of it.
    pub fn permit_off(&self, subreddit: &str, why: &str, who: &str) -> Result<PermitInfo> {
        let name = plain_name("r/", subreddit)?;
        let why = if why.trim().is_empty() {
            "a person switched it off"
        } else {
            why.trim()
        };
        let entry = Entry::new(who, "no longer allowed", self.outside.clock.now_ms());
        self.store
            .permit_off(&name, why, &entry.about(format!("r/{name}")).detail(why))?;
        self.revoke_taken_back();
        self.permit_of(&name)
    }

    /// Reads a subreddit and its rules through an account. Nothing is stored.
    ///
    /// # Errors
    /// [`Code::Login`], [`Code::NotFound`], or those of the network.
    pub fn subreddit_look(&self, subreddit: &str, account: &str) -> Result<SubredditLook> {
        let name = plain_name("r/", subreddit)?;
        let session = Session::open(self, &self.account_meant(account)?.name)?;
        let about = session.call(session.client.about(&name))?;
        let rules = session.call(session.client.rules(&name))?;
        Ok(SubredditLook {
            subreddit: about.name.clone(),
            title: about.title.clone(),
            subscribers: about.subscribers,
            closed: about.closed_to_us().unwrap_or_default().to_owned(),
            rules_json: rules_json(&rules),
            rules: rules
                .into_iter()
                .map(|rule| (rule.short_name, rule.description))
                .collect(),
        })
    }

    /// Opt-outs, those to be decided first.
    pub fn opt_outs(&self) -> Result<Vec<OptOutInfo>> {
        let list = self.store.opt_outs()?;
        Ok(list
            .into_iter()
            .map(|o| OptOutInfo {
                kind: o.kind,
                name: o.name,
                state: o.state,
                why: o.why,
                source: o.source,
                who: o.who,
                at_ms: o.at_ms,
            })
            .collect())
    }

    /// Adds an opt-out of a user (`u/...`) or subreddit (`r/...`).
    ///
    /// # Errors
    /// [`Code::Usage`] if it is neither.
    pub fn opt_out_add(&self, whom: &str, why: &str, who: &str) -> Result<Vec<OptOutInfo>> {
        let (kind, name) = named(whom)?;
        self.opt_out_put(&OptOut {
            kind,
            name,
            state: "confirmed".to_owned(),
            why: why.trim().to_owned(),
            source: String::new(),
            who: who.to_owned(),
            at_ms: self.outside.clock.now_ms(),
        })?;
        self.opt_outs()
    }

    /// Decides an opt-out, on behalf of `who`: confirmed or declined (may be answered again).
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn opt_out_decide(
        &self,
        whom: &str,
        confirmed: bool,
        who: &str,
    ) -> Result<Vec<OptOutInfo>> {
        let (kind, name) = named(whom)?;
        let now_ms = self.outside.clock.now_ms();
        self.store
            .opt_out_decide(&kind, &name, confirmed, who, now_ms)?;
        self.leave_alone(&kind, &[&name], confirmed);
        self.opt_outs()
    }

    /// Records that a comment opts out; it counts until the user decides.
    pub(crate) fn opt_out_asked(&self, author: &str, comment: &str) -> Result<()> {
        self.opt_out_put(&OptOut {
            kind: "user".to_owned(),
            name: author.to_owned(),
            state: "asked".to_owned(),
            why: "opted out in an answer to one of our replies".to_owned(),
            source: comment.to_owned(),
            who: "repartee".to_owned(),
            at_ms: self.outside.clock.now_ms(),
        })
    }

    /// Checks a subreddit on Reddit once a day: if we are not welcome, or its rules changed since the permission was
    /// recorded, it is disabled. Subreddits without a permission are skipped.
    pub(crate) fn subreddit_check(
        &self,
        session: &Session,
        ctx: &Ctx,
        name: &str,
        anyway: bool,
    ) -> Result<(), Stop> {
        let now_ms = session.now_ms();
        let Some(permit) = self.store.permit(name)? else {
            return Ok(());
        };
        let due = permit
            .checked_ms
            .is_none_or(|at| is_due(at, CHECK_EVERY_MS, now_ms));
        if !permit.off.is_empty() || !(due || anyway) {
            return Ok(());
        }
        let off = |why: &str| -> Result<()> {
            let entry = Entry::new("repartee", "no longer allowed", now_ms);
            let entry = entry.about(format!("r/{}", permit.name)).detail(why);
            self.store.permit_off(&permit.name, why, &entry)?;
            ctx.say(format!("r/{}: posting is disabled: {why}", permit.name));
            Ok(())
        };
        let about: Subreddit = match session.ask(Some(ctx), session.client.about(name)) {
            Ok(about) => about,
            Err(Stop::Failed(error)) if matches!(error.code, Code::Refused | Code::NotFound) => {
                return Ok(off(&format!(
                    "Reddit does not let us in: {}",
                    error.message
                ))?);
            }
            Err(stop) => return Err(stop),
        };
        if let Some(why) = about.closed_to_us() {
            return Ok(off(why)?);
        }
        let rules = rules_json(&session.ask(Some(ctx), session.client.rules(name))?);
        // a file that no longer has any rules does not take the present ones for those that the user read
        let key = rules_key(&permit.name);
        let (kept, now) = (self.kept_setting::<String>(&key)?, hash(&rules));
        let is_known = |kept: &String| !kept.is_empty() && *kept != now;
        let changed = match permit.rules.as_str() {
            "[]" => kept.as_ref().is_some_and(is_known),
            known => known != rules,
        };
        if changed {
            return Ok(off(
                "its rules have changed since the permission was recorded; read them, and record the \
                 permission again",
            )?);
        }
        let machine = self.machine()?;
        let seal = |before: &Permit, now: &Permit| {
            let is_here = permit_origin(&machine, before) == Origin::Here;
            is_here.then(|| permit_seal(&machine, now))
        };
        self.store.permit_checked(name, &rules, now_ms, seal)?;
        if kept.as_ref() != Some(&now) {
            self.keep_setting(&key, &now);
        }
        Ok(())
    }
}

/// `u/name` or `r/name` as kind and name.
fn named(whom: &str) -> Result<(String, String)> {
    let typed = whom.trim().trim_start_matches('/');
    if typed.starts_with("r/") {
        return Ok(("subreddit".to_owned(), plain_name("r/", typed)?));
    }
    Ok(("user".to_owned(), plain_name("u/", typed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opt_out_requests_are_recognized() {
        for text in [
            "STOP",
            " stop. ",
            "Bad bot!",
            "please opt out",
            "opt-out",
            "Unsubscribe",
        ] {
            assert!(asks_to_stop(text), "{text}");
        }
        for text in [
            "I cannot stop laughing",
            "good bot",
            "the bus stop is there",
        ] {
            assert!(!asks_to_stop(text), "{text}");
        }
    }
}
