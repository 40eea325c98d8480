//! Settings for posting: pauses, caps, hours, footer. They can be tightened at any time; loosening them requires a
//! typed confirmation.

use repartee_core::error::{Error, Result};
use repartee_core::job::to_json;
use repartee_core::sealed;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;
use crate::plain_name;

/// What the user must type to loosen a limit.
pub const RAISE: &str = "I raise the limits";
/// The key of the settings in the project.
pub(crate) const KEY: &str = "reddit";
/// The seal of the machine on which they were set.
pub(crate) const SEAL_KEY: &str = "reddit.seal";
const SEALED: &str = "posting rules";

/// The settings for posting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct PostingRules {
    /// The account that posts; empty: the only one.
    pub account: String,
    /// Subreddits whose rising posts are fetched.
    pub watched: Vec<String>,
    /// Maximum number of replies per account in 24 hours; half of it in its first week.
    pub per_day: u32,
    /// The same per subreddit.
    pub per_subreddit: u32,
    /// Maximum number of replies under one post, ever.
    pub per_thread: u32,
    /// Maximum number of replies to one author in 24 hours.
    pub per_author: u32,
    /// Minimum number of minutes between two replies of an account.
    pub pause_min: f64,
    /// Random addition to the pause, at most this share of it: with 0.5, 10 minutes become 10 to 15.
    pub jitter: f64,
    /// Hours of the day in which replies are posted, from 0 to 24; none: all. `[22, 6]` spans midnight.
    pub hours: Option<[u8; 2]>,
    /// Days on which replies are posted, 1 (Monday) to 7; empty: all.
    pub days: Vec<u8>,
    /// UTC offset for hours and days, in minutes.
    pub utc_offset_min: i32,
    /// Whether the footer is added to every reply. Without it, replies can only be posted manually.
    pub footer: bool,
    /// The footer; `{model}`, `{account}` and `{operator}` are filled in.
    pub footer_text: String,
    /// A reply is refused if this share of its word triples is in one of our last 500.
    pub max_similar: f64,
    /// A reply is refused if this share of its word triples is in what it answers.
    pub max_echo: f64,
    /// A reply is refused if it, or what it answers, contains one of these words.
    pub words: Vec<String>,
    /// Whether the generator sees the title and ancestors of a comment.
    pub context: bool,
    /// Number of ancestors that the generator sees, at most 6.
    pub context_comments: usize,
    /// Hours after which the texts of fetched threads are purged, at most 48.
    pub keep_h: u32,
}

impl Default for PostingRules {
    fn default() -> Self {
        let words = [
            "suicide",
            "suicidal",
            "kill myself",
            "kill yourself",
            "kys",
            "self harm",
            "self-harm",
            "overdose",
            "raped",
            "doxx",
        ];
        Self {
            account: String::new(),
            watched: Vec::new(),
            per_day: 10,
            per_subreddit: 2,
            per_thread: 1,
            per_author: 1,
            pause_min: 10.0,
            jitter: 0.5,
            hours: None,
            days: Vec::new(),
            utc_offset_min: 0,
            footer: true,
            footer_text: "^(I'm a bot \\({model}\\), run by u/{operator}. Reply STOP and I will not answer you again.)"
                .to_owned(),
            max_similar: 0.8,
            max_echo: 0.8,
            words: words.map(str::to_owned).to_vec(),
            context: false,
            context_comments: 6,
            keep_h: 48,
        }
    }
}

impl PostingRules {
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::usage(what));
        for (name, value) in [
            ("max_similar", self.max_similar),
            ("max_echo", self.max_echo),
        ] {
            if !(0.0..=1.0).contains(&value) || value == 0.0 {
                return wrong(format!(
                    "{name} is {value}; it must be above 0 and at most 1"
                ));
            }
        }
        if !(0.0..=1440.0).contains(&self.pause_min) || !(0.0..=10.0).contains(&self.jitter) {
            return wrong(
                "pause_min must be between 0 and 1440, jitter between 0 and 10".to_owned(),
            );
        }
        if let Some([from, to]) = self.hours
            && (from > 24 || to > 24 || from == to)
        {
            return wrong(format!(
                "hours must be two different values from 0 to 24, not [{from}, {to}]"
            ));
        }
        if self.days.iter().any(|day| !(1..=7).contains(day)) {
            return wrong("days go from 1 (Monday) to 7 (Sunday)".to_owned());
        }
        if self.utc_offset_min.abs() > 14 * 60 {
            return wrong("utc_offset_min must be between -840 and 840".to_owned());
        }
        if self.context_comments > 6 {
            return wrong("context_comments is at most 6".to_owned());
        }
        if self.keep_h == 0 || self.keep_h > 48 {
            return wrong(
                "keep_h must be between 1 and 48: Reddit wants stored texts purged after 48 hours"
                    .to_owned(),
            );
        }
        let says = |word: &str| self.footer_text.to_lowercase().contains(word);
        if !says("bot") || !says("{operator}") || !says("stop") {
            return wrong(
                "the footer must say that a bot replies, name {operator}, and explain how to opt out (STOP)".to_owned(),
            );
        }
        Ok(())
    }

    /// These settings with no limit looser than in `usual`.
    fn tightened(self, usual: Self) -> Self {
        let mut words = self.words;
        words.extend(usual.words);
        words.sort();
        words.dedup();
        // hours and days are no wider than in `usual`, if it has any
        let (hours, days, utc_offset_min) = match (usual.hours, usual.days.is_empty()) {
            (None, true) => (self.hours, self.days, self.utc_offset_min),
            _ => (usual.hours, usual.days, usual.utc_offset_min),
        };
        Self {
            hours,
            days,
            utc_offset_min,
            jitter: self.jitter.max(usual.jitter),
            per_day: self.per_day.min(usual.per_day),
            per_subreddit: self.per_subreddit.min(usual.per_subreddit),
            per_thread: self.per_thread.min(usual.per_thread),
            per_author: self.per_author.min(usual.per_author),
            pause_min: self.pause_min.max(usual.pause_min),
            max_similar: self.max_similar.min(usual.max_similar),
            max_echo: self.max_echo.min(usual.max_echo),
            words,
            ..self
        }
    }

    /// The limits that `new` loosens, as text.
    fn loosened(&self, new: &Self) -> Vec<&'static str> {
        let hours = |rules: &Self| rules.hours.is_none();
        [
            (new.per_day > self.per_day, "per_day"),
            (new.per_subreddit > self.per_subreddit, "per_subreddit"),
            (new.per_thread > self.per_thread, "per_thread"),
            (new.per_author > self.per_author, "per_author"),
            (new.pause_min < self.pause_min, "pause_min"),
            (new.max_similar > self.max_similar, "max_similar"),
            (new.max_echo > self.max_echo, "max_echo"),
            (
                self.words.iter().any(|word| !new.words.contains(word)),
                "words",
            ),
            (hours(new) && !hours(self), "hours"),
        ]
        .into_iter()
        .filter_map(|(loosened, name)| loosened.then_some(name))
        .collect()
    }
}

impl Posting<'_> {
    /// The settings for posting.
    pub fn posting_rules(self) -> Result<PostingRules> {
        let usual = PostingRules::default();
        let stored = self.store.setting::<PostingRules>(KEY)?;
        let is_used = self.project_id_if_any()?.is_some();
        if stored.is_none() && !is_used {
            return Ok(usual);
        }
        // only the user at this machine loosens limits, never a file from elsewhere or an older one
        let seal: String = self.store.setting(SEAL_KEY)?.unwrap_or_default();
        let rules = match stored {
            Some(rules) => {
                let parts = to_json(&rules)?;
                let made = sealed::origin(&self.machine()?, &seal, SEALED, &[&parts]);
                if made.words().is_empty() {
                    return Ok(rules);
                }
                match usual.loosened(&rules).is_empty() {
                    true => rules,
                    false => rules.tightened(usual),
                }
            }
            None => usual,
        };
        Ok(match self.kept_setting(KEY)? {
            Some(kept) => rules.tightened(kept),
            None => rules,
        })
    }

    /// Replaces the settings for posting, on behalf of `who`. To loosen a limit, `confirm` must be [`RAISE`].
    ///
    /// # Errors
    /// [`repartee_core::Code::Usage`] if a value is out of range, or a limit is loosened without confirmation.
    pub fn posting_rules_set(
        self,
        new: &PostingRules,
        confirm: &str,
        who: &str,
    ) -> Result<PostingRules> {
        let mut new = new.clone();
        new.check()?;
        for name in &mut new.watched {
            *name = plain_name("r/", name)?;
        }
        repartee_store::audit::somebody(who)?;
        let loosened = self.posting_rules()?.loosened(&new);
        if !loosened.is_empty() && confirm.trim() != RAISE {
            return Err(Error::usage(format!(
                "this loosens {}; to confirm it, write {RAISE:?}",
                loosened.join(", ")
            )));
        }
        let seal = sealed::seal(&self.machine()?, SEALED, &[&to_json(&new)?]);
        // the seal first: rules without their seal are the stricter ones
        self.store.set_setting(SEAL_KEY, &seal)?;
        self.store.set_setting(KEY, &new)?;
        let kept = self.keep_setting(KEY, &new);
        let revoked = self.revoke_taken_back();
        let now_ms = self.environment.clock.now_ms();
        let entry = repartee_store::audit::Entry::new(who, "rules changed", now_ms);
        let detail = if loosened.is_empty() {
            String::new()
        } else {
            format!("loosened {}", loosened.join(", "))
        };
        self.store.audit_add(&entry.detail(detail))?;
        kept.and(revoked)?;
        Ok(new)
    }
}
