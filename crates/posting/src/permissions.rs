//! Permissions for posting (none by default), and opt-outs.

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Stop};
use repartee_core::kept::warned;
use repartee_core::machine::Machine;
use repartee_core::sealed::{self, Origin, digest, same};
use repartee_reddit::{Rule, Subreddit};
use repartee_store::accounts::{OptOut, OptOutKind, OptOutState, PostingPermission};
use repartee_store::audit::Entry;
use repartee_store::times::is_due;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;
use crate::connect::Session;
use crate::plain_name;
use crate::policy::hash;

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
pub struct NewPostingPermission {
    /// With or without `r/`.
    pub subreddit: String,
    /// Where it was granted: a link to the moderators' message or rule.
    pub link: String,
    pub note: String,
    /// Milliseconds since 1970; none: no end.
    pub expires_ms: Option<i64>,
    /// The rules as the user saw them, JSON as in [`SubredditPreview`]; empty: they are stored at the first check of the
    /// subreddit.
    pub rules: String,
}

/// A permission for display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PostingPermissionInfo {
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
fn recorded(permission: &PostingPermission) -> [String; 7] {
    [
        permission.rules.clone(),
        permission.name.to_lowercase(),
        permission.link.clone(),
        permission.note.clone(),
        permission.who.clone(),
        permission.given_ms.to_string(),
        permission
            .expires_ms
            .map(|at| at.to_string())
            .unwrap_or_default(),
    ]
}

/// What is sealed: the record, and the last check of the subreddit.
fn sealed_parts(permission: &PostingPermission) -> Vec<String> {
    let checked = permission.checked_ms.map(|at| at.to_string());
    let mut parts = Vec::from(recorded(permission));
    parts.push(checked.unwrap_or_default());
    parts
}

fn posting_permission_seal(machine: &Machine, permission: &PostingPermission) -> String {
    let parts = sealed_parts(permission);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    sealed::seal(machine, PERMISSION, &parts)
}

/// The seal of a permission whose note was purged; `None`: it was not sealed here before.
pub(crate) fn resealed(
    machine: &Machine,
    before: &PostingPermission,
    now: &PostingPermission,
) -> Option<String> {
    let is_here = posting_permission_origin(machine, before) == Origin::Here;
    is_here.then(|| posting_permission_seal(machine, now))
}

/// Where a permission was recorded.
pub(crate) fn posting_permission_origin(
    machine: &Machine,
    permission: &PostingPermission,
) -> Origin {
    let parts = sealed_parts(permission);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    sealed::origin(machine, &permission.seal, PERMISSION, &parts)
}

fn posting_permission_seen(permission: &PostingPermission) -> String {
    let parts = recorded(permission);
    let parts = parts.iter().map(String::as_str);
    digest("permission", parts.chain([permission.off.as_str()]))
}

impl PostingPermissionInfo {
    fn new(machine: &Machine, permission: PostingPermission) -> Self {
        // a disabled subreddit needs a new record before anything is posted there
        let unconfirmed = match permission.off.as_str() {
            "" => posting_permission_origin(machine, &permission).words(),
            _ => "",
        };
        Self {
            unconfirmed: unconfirmed.to_owned(),
            seen: posting_permission_seen(&permission),
            subreddit: permission.name,
            link: permission.link,
            note: permission.note,
            who: permission.who,
            given_ms: permission.given_ms,
            expires_ms: permission.expires_ms,
            checked_ms: permission.checked_ms,
            off: permission.off,
            pause_ms: permission.pause_ms,
        }
    }
}

/// A subreddit as Reddit shows it, to read before recording a permission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SubredditPreview {
    /// Without `r/`.
    pub subreddit: String,
    pub title: String,
    pub subscribers: Option<u64>,
    /// Why we may not comment there; empty: we may.
    pub closed: String,
    /// Names and texts of its rules.
    pub rules: Vec<(String, String)>,
    /// The same as JSON, for [`NewPostingPermission::rules`].
    pub rules_json: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OptOutInfo {
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

impl Posting<'_> {
    pub fn posting_permissions(self) -> Result<Vec<PostingPermissionInfo>> {
        let permissions = self.store.posting_permissions()?;
        if permissions.is_empty() {
            return Ok(Vec::new());
        }
        let machine = self.machine()?;
        let permissions = permissions.into_iter();
        Ok(permissions
            .map(|permission| PostingPermissionInfo::new(&machine, permission))
            .collect())
    }

    pub(crate) fn posting_permission_confirm(
        self,
        machine: &Machine,
        name: &str,
        seen: &str,
        who: &str,
    ) -> Result<()> {
        let name = plain_name("r/", name)?;
        let subject = format!("r/{name}");
        let entry = Entry::new(who, "confirmed", self.environment.clock.now_ms()).about(&subject);
        let make = |permission: &PostingPermission| -> Result<String> {
            if !permission.off.is_empty() {
                return Err(Error::usage(format!(
                    "{subject} is disabled: {}; record a new permission to enable it",
                    permission.off
                )));
            }
            let what = format!("the permission for {subject}");
            same(&what, &posting_permission_seen(permission), seen)?;
            Ok(posting_permission_seal(machine, permission))
        };
        self.store
            .posting_permission_confirm(&name, &entry, make)??;
        self.revoke_taken_back()?;
        Ok(())
    }

    /// Records a permission for a subreddit, on behalf of `who`.
    ///
    /// # Errors
    /// [`Code::Usage`] without a link to where it was granted; [`Code::Refused`] where a program must not post.
    pub fn permit_subreddit(
        self,
        new: &NewPostingPermission,
        who: &str,
    ) -> Result<PostingPermissionInfo> {
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
        let permission = PostingPermission {
            name: name.clone(),
            link: link.to_owned(),
            note: new.note.trim().to_owned(),
            who: who.to_owned(),
            given_ms: self.environment.clock.now_ms(),
            expires_ms: new.expires_ms,
            rules: rules.to_owned(),
            ..PostingPermission::default()
        };
        let permission = PostingPermission {
            seal: posting_permission_seal(&self.machine()?, &permission),
            ..permission
        };
        self.store.posting_permission_put(&permission)?;
        self.keep_setting_or_warn(&rules_key(&name), &"");
        self.revoke_taken_back()?;
        self.posting_permission_of(&name)
    }

    fn posting_permission_of(self, name: &str) -> Result<PostingPermissionInfo> {
        let permission = self.store.posting_permission(name)?.ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("no permission is recorded for r/{name}"),
            )
        })?;
        Ok(PostingPermissionInfo::new(&self.machine()?, permission))
    }

    /// Disables posting in a subreddit, on behalf of `who`, with a reason. A new permission enables it again.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no record of it.
    pub fn posting_permission_off(
        self,
        subreddit: &str,
        why: &str,
        who: &str,
    ) -> Result<PostingPermissionInfo> {
        let name = plain_name("r/", subreddit)?;
        let why = if why.trim().is_empty() {
            "turned off manually"
        } else {
            why.trim()
        };
        let entry = Entry::new(who, "no longer allowed", self.environment.clock.now_ms());
        self.store.posting_permission_off(
            &name,
            why,
            &entry.about(format!("r/{name}")).detail(why),
        )?;
        self.revoke_taken_back()?;
        self.posting_permission_of(&name)
    }

    /// Reads a subreddit and its rules through an account. Nothing is stored.
    ///
    /// # Errors
    /// [`Code::Login`], [`Code::NotFound`], or those of the network.
    pub fn subreddit_preview(self, subreddit: &str, account: &str) -> Result<SubredditPreview> {
        let name = plain_name("r/", subreddit)?;
        let session = Session::open(self, &self.account_meant(account)?.name)?;
        let about = session.call(session.client.about(&name))?;
        let rules = session.call(session.client.rules(&name))?;
        Ok(SubredditPreview {
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
    pub fn opt_outs(self) -> Result<Vec<OptOutInfo>> {
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
    pub fn opt_out_add(self, whom: &str, why: &str, who: &str) -> Result<Vec<OptOutInfo>> {
        let (kind, name) = named(whom)?;
        self.opt_out_put(&OptOut {
            kind,
            name,
            state: OptOutState::Confirmed,
            why: why.trim().to_owned(),
            source: String::new(),
            who: who.to_owned(),
            at_ms: self.environment.clock.now_ms(),
        })??;
        self.opt_outs()
    }

    /// Decides an opt-out, on behalf of `who`: confirmed or declined (may be answered again).
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn opt_out_decide(self, whom: &str, confirmed: bool, who: &str) -> Result<Vec<OptOutInfo>> {
        let (kind, name) = named(whom)?;
        let now_ms = self.environment.clock.now_ms();
        self.store
            .opt_out_decide(kind, &name, confirmed, who, now_ms)?;
        self.leave_alone(kind, &[&name], confirmed)?;
        self.opt_outs()
    }

    /// Records that a comment opts out; it counts until the user decides.
    pub(crate) fn opt_out_asked(self, author: &str, comment: &str) -> Result<()> {
        self.opt_out_put(&OptOut {
            kind: OptOutKind::User,
            name: author.to_owned(),
            state: OptOutState::Asked,
            why: "opted out in an answer to one of our replies".to_owned(),
            source: comment.to_owned(),
            who: "repartee".to_owned(),
            at_ms: self.environment.clock.now_ms(),
        })
        .map(warned)
    }

    /// Checks a subreddit on Reddit once a day: if we are not welcome, or its rules changed since the permission was
    /// recorded, it is disabled. Subreddits without a permission are skipped.
    pub(crate) fn subreddit_check(
        self,
        session: &Session,
        ctx: &Ctx,
        name: &str,
        anyway: bool,
    ) -> Result<(), Stop> {
        let now_ms = session.now_ms();
        let Some(permission) = self.store.posting_permission(name)? else {
            return Ok(());
        };
        let due = permission
            .checked_ms
            .is_none_or(|at| is_due(at, CHECK_EVERY_MS, now_ms));
        if !permission.off.is_empty() || !(due || anyway) {
            return Ok(());
        }
        let off = |why: &str| -> Result<()> {
            let entry = Entry::new("repartee", "no longer allowed", now_ms);
            let entry = entry.about(format!("r/{}", permission.name)).detail(why);
            self.store
                .posting_permission_off(&permission.name, why, &entry)?;
            ctx.say(format!("r/{}: posting is disabled: {why}", permission.name));
            Ok(())
        };
        let about: Subreddit = match session.ask(Some(ctx), session.client.about(name)) {
            Ok(about) => about,
            Err(Stop::Failed(error)) if matches!(error.code, Code::Refused | Code::NotFound) => {
                return Ok(off(&format!("Reddit denies access: {}", error.message))?);
            }
            Err(stop) => return Err(stop),
        };
        if let Some(why) = about.closed_to_us() {
            return Ok(off(why)?);
        }
        let rules = rules_json(&session.ask(Some(ctx), session.client.rules(name))?);
        // a file that no longer has any rules does not take the present ones for those that the user read
        let key = rules_key(&permission.name);
        let (kept, now) = (self.kept_setting::<String>(&key)?, hash(&rules));
        let is_known = |kept: &String| !kept.is_empty() && *kept != now;
        let changed = match permission.rules.as_str() {
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
        let seal = |before: &PostingPermission, now: &PostingPermission| {
            let is_here = posting_permission_origin(&machine, before) == Origin::Here;
            is_here.then(|| posting_permission_seal(&machine, now))
        };
        self.store
            .posting_permission_checked(name, &rules, now_ms, seal)?;
        if kept.as_ref() != Some(&now) {
            self.keep_setting_or_warn(&key, &now);
        }
        Ok(())
    }
}

/// `u/name` or `r/name` as kind and name.
fn named(whom: &str) -> Result<(OptOutKind, String)> {
    let typed = whom.trim().trim_start_matches('/');
    if typed.starts_with("r/") {
        return Ok((OptOutKind::Subreddit, plain_name("r/", typed)?));
    }
    Ok((OptOutKind::User, plain_name("u/", typed)?))
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
