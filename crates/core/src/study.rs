//! Permissions of a study: what is recorded for the use of Reddit content, the consequences of what is missing, and the
//! notice on every chart, export and report.
//!
//! [`standing`] alone decides, a pure function over records, sources and the day; the methods of the project call it.
//! Text that isn't from Reddit (forums, support mails, ConvoKit, synthetic data, the sandbox) needs no permission, and
//! a project with nothing else never mentions it.

use repartee_charts::Heading;
use repartee_datasets::study::day_of_ms;
use repartee_datasets::{Decision, Origin, StudyKind, StudyRecord};
use repartee_store::bases::Base;
use repartee_store::study::StudyEntry;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Project;
use crate::error::{Code, Error, Result};
use crate::machine::Machine;
use crate::sealed;
use crate::sealed::Origin as Made;
use crate::source_counts::SourceCounts;

/// The version of Reddit's policy that [`POLICY`] summarizes; records refer to it unless they name another.
pub const POLICY_VERSION: &str = "2026-08-22";
pub const POLICY_LINK: &str =
    "https://support.reddithelp.com/hc/en-us/articles/42728983564564-Responsible-Builder-Policy";
/// What the user is told, once, before Reddit content is imported from an archive.
pub const POLICY: &str = "Reddit's policy (Responsible Builder Policy of 2026-08-22) allows no training on its content without Reddit's written approval, non-commercial and academic use included. Research on Reddit data from outside Reddit's own research program violates it. Approval is often refused, and API keys are no longer given out by self-service. No archive of Reddit carries a license that changes this.";

/// What each record is needed for, as [`Purpose`] has it; strict mode refuses the first two.
pub const NEEDED_FOR: [&str; 3] = [
    "Training on Reddit content needs the record training.",
    "Posting needs training, and to Reddit itself api-access too.",
    "Nothing needs research-program or ethics-board: while one of these or training is missing, charts, exports and reports say so.",
];

/// What a permission is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Training a model, or a tokenizer, on Reddit content.
    Training,
    /// Posting in a project with Reddit content; `live`: to Reddit itself, not to a sandbox.
    Posting { live: bool },
    /// Charts, exports and reports.
    Publishing,
}

impl Purpose {
    fn kinds(self) -> &'static [StudyKind] {
        match self {
            Self::Training | Self::Posting { live: false } => &[StudyKind::Training],
            Self::Posting { live: true } => &[StudyKind::Training, StudyKind::ApiAccess],
            Self::Publishing => &[
                StudyKind::Training,
                StudyKind::ResearchProgram,
                StudyKind::EthicsBoard,
            ],
        }
    }
}

/// The status of one kind of permission today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "StudyState")]
pub struct KindStanding {
    pub kind: StudyKind,
    /// Whether it is granted and valid today, or not required.
    pub holds: bool,
    /// One sentence without a period: "Permission to train on Reddit content expired on 2027-05-01".
    pub words: String,
    /// The newest record, which is the one that counts.
    pub record: Option<StudyRecord>,
    /// It was recorded on another machine, changed by another program, or replaced elsewhere: it must be confirmed here.
    #[serde(default)]
    pub unconfirmed: bool,
}

/// What is recorded, and which sources need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The four kinds, in order.
    pub kinds: Vec<KindStanding>,
    /// Numbers and names of the sources that need permission.
    pub sources: Vec<(i64, String)>,
    /// Strict mode: training and posting are refused while a permission is missing.
    pub strict: bool,
}

/// A source, as far as its permission is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOrigin {
    pub id: i64,
    pub name: String,
    pub origin: Origin,
}

/// Evaluates the records (the newest first) on a day, given as milliseconds since 1970. A grant counts from its date to
/// its last day, in UTC.
pub fn standing(
    records: &[StudyRecord],
    sources: &[SourceOrigin],
    strict: bool,
    now_ms: i64,
) -> Standing {
    let today = day_of_ms(now_ms);
    let kinds = StudyKind::ALL.iter().map(|kind| {
        let newest = records.iter().find(|record| record.kind == *kind);
        of_kind(*kind, newest, &today)
    });
    Standing {
        kinds: kinds.collect(),
        sources: sources
            .iter()
            .filter(|source| source.origin.needs_permission())
            .map(|source| (source.id, source.name.clone()))
            .collect(),
        strict,
    }
}

/// A kind's name: at the beginning of a sentence, and within one.
fn noun(kind: StudyKind) -> &'static str {
    match kind {
        StudyKind::ApiAccess => "permission to use Reddit's API",
        StudyKind::ResearchProgram => "admission to Reddit's research program",
        StudyKind::Training => "permission to train on Reddit content",
        StudyKind::EthicsBoard => "approval of an ethics board",
    }
}

fn of_kind(kind: StudyKind, newest: Option<&StudyRecord>, today: &str) -> KindStanding {
    let noun = noun(kind);
    let on = |date: &str| match date {
        "" => String::new(),
        date => format!(" on {date}"),
    };
    let missing = || (false, format!("No {noun} on record"));
    let (holds, words) = match newest {
        None => missing(),
        Some(record) => match record.decision {
            Decision::None => missing(),
            Decision::Refused => (false, format!("{noun} was refused{}", on(&record.date))),
            Decision::Withdrawn => (false, format!("{noun} was withdrawn{}", on(&record.date))),
            Decision::Pending => (
                false,
                format!("{noun} was requested and has not been granted"),
            ),
            Decision::NotRequired => (true, format!("{noun} is not required")),
            // days as YYYY-MM-DD compare like text; with an empty today (a clock out of range), nothing holds
            Decision::Granted if record.date.is_empty() || record.date.as_str() > today => {
                (false, format!("{noun} is not valid before {}", record.date))
            }
            Decision::Granted if !record.until.is_empty() && record.until.as_str() < today => {
                (false, format!("{noun} expired on {}", record.until))
            }
            Decision::Granted => (true, format!("{noun} granted{}", on(&record.date))),
        },
    };
    KindStanding {
        kind,
        holds,
        words: capital(&words),
        record: newest.cloned(),
        unconfirmed: false,
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn uncapital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

impl Standing {
    /// Whether the project has text that needs permission.
    pub fn is_needed(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Whether anything was ever recorded: then an import doesn't ask again.
    pub fn is_answered(&self) -> bool {
        self.kinds.iter().any(|kind| kind.record.is_some())
    }

    /// What is missing for a purpose, as text; empty if nothing is missing or needed.
    pub fn gaps(&self, purpose: Purpose) -> Vec<&str> {
        let wanted = purpose.kinds();
        self.kinds
            .iter()
            .filter(|kind| self.is_needed() && wanted.contains(&kind.kind) && !kind.holds)
            .map(|kind| kind.words.as_str())
            .collect()
    }

    /// The notice on charts, exports and reports; none if nothing is missing. Training comes first.
    pub fn mark(&self) -> Option<String> {
        let mut gaps = self.gaps(Purpose::Publishing);
        let of_training = self.words_of(StudyKind::Training);
        gaps.sort_by_key(|gap| *gap != of_training);
        let (first, others) = gaps.split_first()?;
        let others = others.iter().map(|gap| format!("; {}", uncapital(gap)));
        Some(format!("{first}{}", others.collect::<String>()))
    }

    fn words_of(&self, kind: StudyKind) -> &str {
        let found = self.kinds.iter().find(|state| state.kind == kind);
        found.map_or("", |state| state.words.as_str())
    }

    /// Why strict mode refuses a purpose; none without strict mode.
    pub fn refusal(&self, purpose: Purpose) -> Option<String> {
        let gaps = self.gaps(purpose);
        (self.strict && !gaps.is_empty()).then(|| gaps.join("; "))
    }
}

/// All of it, for front ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Study {
    /// Whether the project has Reddit content from archives.
    pub needed: bool,
    /// Names of the sources that need permission.
    pub sources: Vec<String>,
    /// Whether the question was answered.
    pub answered: bool,
    /// The four kinds, with their status.
    pub states: Vec<KindStanding>,
    /// What is missing or expired, as shown on every chart and export.
    pub mark: Option<String>,
    /// Strict mode: training and posting are refused while a permission is missing.
    pub strict: bool,
    /// All records, the newest first.
    pub history: Vec<StudyLine>,
    pub policy: String,
    /// The policy version that this program knows.
    pub policy_version: String,
    pub policy_link: String,
}

/// A record of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StudyLine {
    pub id: i64,
    pub record: StudyRecord,
    pub who: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

impl From<StudyEntry> for StudyLine {
    fn from(entry: StudyEntry) -> Self {
        Self {
            id: entry.id,
            record: entry.record,
            who: entry.who,
            at_ms: entry.at_ms,
        }
    }
}

impl Project {
    /// The permissions' status today.
    pub fn study_standing(&self) -> Result<Standing> {
        self.study_standing_at(self.environment.clock.now_ms())
    }

    /// The permissions' status at another time.
    pub fn study_standing_at(&self, now_ms: i64) -> Result<Standing> {
        let entries = self.store.study_records()?;
        let mut sources: Vec<SourceOrigin> = self
            .store
            .sources()?
            .into_iter()
            // one whose rows were all rejected is kept for their list, and has no text
            .filter(|source| {
                let counts: SourceCounts = serde_json::from_str(&source.counts).unwrap_or_default();
                counts.rejected == 0 || counts.comments + counts.posts > 0
            })
            .map(|source| SourceOrigin {
                id: source.id,
                name: source.name,
                origin: source.origin,
            })
            .collect();
        // numbers below 0 are those of bases: no pair has such a source
        let bases = self.store.bases()?.into_iter();
        sources.extend(bases.filter(is_trained).map(|base| SourceOrigin {
            id: -base.id,
            name: format!("base {}", base.name),
            origin: Origin::Reddit,
        }));
        let strict = self.store.study_strict()?.unwrap_or(true);
        let records: Vec<StudyRecord> = entries.iter().map(|entry| entry.record.clone()).collect();
        let mut standing = standing(&records, &sources, strict, now_ms);
        // a bundle has the records that hold where it was made, and seals that nobody else can check
        if entries.is_empty() || self.store.is_bundle()? {
            return Ok(standing);
        }
        let machine = self.machine()?;
        for state in standing.kinds.iter_mut().filter(|state| state.holds) {
            let newest = entries.iter().find(|entry| entry.record.kind == state.kind);
            let Some(newest) = newest else { continue };
            let parts = seal_parts(&newest.record);
            let made = sealed::origin(&machine, &newest.seal, SEALED, &parts);
            if !made.words().is_empty() {
                state.holds = false;
                state.unconfirmed = true;
                state.words = capital(&format!("{} was {}", noun(state.kind), made.words()));
            }
        }
        Ok(standing)
    }

    /// Why posting is refused. For posting, strict mode is only off if the user switched it off on this machine: a file
    /// that claims so by itself is not believed.
    pub fn study_refuses_posting(&self, live: bool, now_ms: i64) -> Result<Option<String>> {
        let mut standing = self.study_standing_at(now_ms)?;
        standing.strict |= standing.is_needed() && self.kept_setting(STRICT)? != Some(false);
        Ok(standing.refusal(Purpose::Posting { live }))
    }

    /// What is missing or expired, as shown on every chart, export and report; none if nothing is.
    pub fn study_mark(&self) -> Result<Option<String>> {
        Ok(self.study_standing()?.mark())
    }

    /// The heading of a chart, with the notice.
    pub fn heading(&self, title: String, measured_on: String) -> Result<Heading> {
        Ok(Heading {
            title,
            measured_on,
            notice: self.study_mark()?.unwrap_or_default(),
        })
    }

    /// The permissions of the study.
    pub fn study(&self) -> Result<Study> {
        let standing = self.study_standing()?;
        Ok(Study {
            needed: standing.is_needed(),
            answered: standing.is_answered(),
            mark: standing.mark(),
            strict: standing.strict,
            sources: standing.sources.into_iter().map(|(_, name)| name).collect(),
            states: standing.kinds,
            history: self
                .store
                .study_records()?
                .into_iter()
                .map(Into::into)
                .collect(),
            policy: POLICY.to_owned(),
            policy_version: POLICY_VERSION.to_owned(),
            policy_link: POLICY_LINK.to_owned(),
        })
    }

    /// Adds records, on behalf of `who`. Earlier ones are kept; the newest of a kind counts.
    ///
    /// # Errors
    /// [`Code::Usage`] if a record lacks something; none is added then.
    pub fn study_record(&self, records: &[StudyRecord], who: &str) -> Result<Study> {
        study_add(self, records, who)?;
        self.study()
    }

    /// Ends a permission early, on behalf of `who`.
    ///
    /// # Errors
    /// [`Code::NotFound`] if none is granted, pending or waived.
    pub fn study_end(&self, kind: StudyKind, note: &str, who: &str) -> Result<Study> {
        let newest = self.study_standing()?.kinds.into_iter();
        let record = newest
            .filter(|state| state.kind == kind)
            .find_map(|s| s.record);
        let open = [Decision::Granted, Decision::Pending, Decision::NotRequired];
        match record.filter(|record| open.contains(&record.decision)) {
            Some(record) => {
                let ended = StudyRecord {
                    decision: Decision::Withdrawn,
                    date: String::new(),
                    until: String::new(),
                    note: note.to_owned(),
                    ..record
                };
                self.study_record(&[ended], who)
            }
            None => Err(Error::new(
                Code::NotFound,
                format!("there is no {} on record that could end", noun(kind)),
            )),
        }
    }

    /// Switches strict mode, on behalf of `who`: with it, training and posting are refused while a permission is
    /// missing. A new project starts with it on.
    pub fn study_strict(&self, on: bool, who: &str) -> Result<Study> {
        let now_ms = self.environment.clock.now_ms();
        self.store.study_strict_set(on, who, now_ms)?;
        self.keep_setting(STRICT, &on)?;
        self.study()
    }
}

/// Adds records; day and policy version are filled in if missing.
pub fn study_add(project: &Project, records: &[StudyRecord], who: &str) -> Result<()> {
    once_each(records)?;
    let now_ms = project.environment.clock.now_ms();
    let mut checked = Vec::with_capacity(records.len());
    for record in records {
        let mut record = record.clone().checked().map_err(Error::usage)?;
        if record.date.is_empty() {
            record.date = day_of_ms(now_ms);
        }
        if record.policy.is_empty() {
            record.policy = POLICY_VERSION.to_owned();
        }
        checked.push(record);
    }
    let machine = project.machine()?;
    let seal = |record: &StudyRecord| sealed::seal(&machine, SEALED, &seal_parts(record));
    let counts = |entry: &StudyEntry| {
        let parts = seal_parts(&entry.record);
        sealed::origin(&machine, &entry.seal, SEALED, &parts) == Made::Here
    };
    project
        .store
        .study_add(&checked, who, now_ms, seal, counts)?;
    project.revoke_taken_back()?;
    Ok(())
}

/// Refuses two records of one kind: only one of them could count, and the choice is not ours.
///
/// # Errors
/// [`Code::Usage`], which names both decisions.
pub fn once_each(records: &[StudyRecord]) -> Result<()> {
    for (n, record) in records.iter().enumerate() {
        if let Some(earlier) = records[..n].iter().find(|e| e.kind == record.kind) {
            return Err(Error::usage(format!(
                "there are two answers for {}, {} and {}; give one of them",
                record.kind, earlier.decision, record.decision
            )));
        }
    }
    Ok(())
}

/// The ledger key of the strict mode setting.
const STRICT: &str = "study.strict";

const SEALED: &str = "study record";

/// The seal of a record whose note was purged; `None`: it was not sealed here before.
pub fn resealed(machine: &Machine, before: &StudyEntry, now: &StudyEntry) -> Option<String> {
    let made = sealed::origin(machine, &before.seal, SEALED, &seal_parts(&before.record));
    (made == Made::Here).then(|| sealed::seal(machine, SEALED, &seal_parts(&now.record)))
}

fn seal_parts(record: &StudyRecord) -> [&str; 8] {
    [
        record.kind.name(),
        record.decision.name(),
        &record.date,
        &record.scope,
        &record.until,
        &record.policy,
        &record.link,
        &record.note,
    ]
}

/// Appended to the origin of a base that was trained on Reddit content in another project.
pub const TRAINED_NOTE: &str = ", trained on Reddit content";

/// Whether a base was trained on Reddit content elsewhere.
pub fn is_trained(base: &Base) -> bool {
    base.origin.ends_with(TRAINED_NOTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> StudyRecord {
        text.parse().unwrap()
    }

    fn source(id: i64, origin: Origin) -> SourceOrigin {
        SourceOrigin {
            id,
            name: format!("source {id}"),
            origin,
        }
    }

    const GRANTED: &str =
        "training=granted,date=2026-05-01,until=2027-05-01,scope=all,link=https://example.org";

    /// Noon of a day, in milliseconds since 1970.
    fn noon(day: &str) -> i64 {
        (0..60_000)
            .map(|day| day * 86_400_000 + 43_200_000)
            .find(|noon| day_of_ms(*noon) == day)
            .unwrap()
    }

    #[test]
    fn standing_names_what_is_missing_or_expired_and_for_what() {
        let live = Purpose::Posting { live: true };
        let sandbox = Purpose::Posting { live: false };
        let waived = [
            "research-program=not-required",
            "ethics-board=not-required",
            "api-access=not-required",
        ];
        let missing = "No permission to train on Reddit content on record";
        // records from the newest on; the day; whether training is permitted; the message
        for (records, day, holds, words) in [
            (vec![], "2026-06-01", false, missing),
            (vec!["training=none"], "2026-06-01", false, missing),
            (
                vec!["training=pending"],
                "2026-06-01",
                false,
                "Permission to train on Reddit content was requested and has not been granted",
            ),
            (
                vec!["training=refused,date=2026-04-01"],
                "2026-06-01",
                false,
                "Permission to train on Reddit content was refused on 2026-04-01",
            ),
            (
                vec!["training=withdrawn,date=2026-05-09", GRANTED],
                "2026-06-01",
                false,
                "Permission to train on Reddit content was withdrawn on 2026-05-09",
            ),
            (
                vec![GRANTED, "training=refused"],
                "2026-06-01",
                true,
                "Permission to train on Reddit content granted on 2026-05-01",
            ),
            (
                vec!["training=refused", GRANTED],
                "2026-06-01",
                false,
                "Permission to train on Reddit content was refused",
            ),
            (
                vec![GRANTED],
                "2026-04-30",
                false,
                "Permission to train on Reddit content is not valid before 2026-05-01",
            ),
            (
                vec![GRANTED],
                "2026-05-01",
                true,
                "Permission to train on Reddit content granted on 2026-05-01",
            ),
            (
                vec![GRANTED],
                "2027-05-01",
                true,
                "Permission to train on Reddit content granted on 2026-05-01",
            ),
            (
                vec![GRANTED],
                "2027-05-02",
                false,
                "Permission to train on Reddit content expired on 2027-05-01",
            ),
        ] {
            let all: Vec<StudyRecord> = records.iter().chain(&waived).map(|r| record(r)).collect();
            let reddit = [source(1, Origin::Reddit)];
            let found = standing(&all, &reddit, true, noon(day));
            let training = found
                .kinds
                .iter()
                .find(|k| k.kind == StudyKind::Training)
                .unwrap();
            assert_eq!(
                (training.holds, training.words.as_str()),
                (holds, words),
                "{records:?} {day}"
            );
            let expected: Vec<&str> = if holds { vec![] } else { vec![words] };
            for purpose in [Purpose::Training, sandbox, live, Purpose::Publishing] {
                assert_eq!(
                    found.gaps(purpose),
                    expected,
                    "{records:?} {day} {purpose:?}"
                );
                assert_eq!(found.refusal(purpose).is_some(), !holds);
            }
            assert_eq!(found.mark().as_deref(), expected.first().copied());
            // nothing is refused without strict mode, and the notice stays
            let loose = standing(&all, &reddit, false, noon(day));
            assert_eq!(loose.refusal(Purpose::Training), None);
            assert_eq!(loose.mark(), found.mark());
        }
    }

    #[test]
    fn each_permission_counts_for_its_own_purpose() {
        let reddit = [source(1, Origin::Reddit)];
        let day = noon("2026-06-01");
        let only = standing(&[record(GRANTED)], &reddit, true, day);
        assert!(only.gaps(Purpose::Training).is_empty());
        assert!(only.gaps(Purpose::Posting { live: false }).is_empty());
        assert_eq!(
            only.gaps(Purpose::Posting { live: true }),
            ["No permission to use Reddit's API on record"]
        );
        assert_eq!(
            only.mark().unwrap(),
            "No admission to Reddit's research program on record; no approval of an ethics board on record"
        );
        let none = standing(&[], &reddit, true, day);
        assert!(
            none.mark()
                .unwrap()
                .starts_with("No permission to train on Reddit content on record; no ")
        );
    }

    #[test]
    fn text_from_elsewhere_needs_no_permission() {
        let elsewhere = [
            Origin::Forum,
            Origin::Support,
            Origin::Convokit,
            Origin::Other,
            Origin::Synthetic,
        ];
        let sources: Vec<SourceOrigin> =
            (1..).zip(elsewhere).map(|(id, o)| source(id, o)).collect();
        for sources in [sources.as_slice(), &[]] {
            let found = standing(&[], sources, true, 0);
            assert_eq!((found.is_needed(), found.mark()), (false, None));
            assert_eq!(found.refusal(Purpose::Training), None);
            assert_eq!(found.refusal(Purpose::Posting { live: true }), None);
        }
        // unknown origin: the rule for Reddit content applies
        let unknown = standing(&[], &[source(1, Origin::Unknown)], true, 0);
        assert!(unknown.mark().is_some() && unknown.refusal(Purpose::Training).is_some());
    }

    #[test]
    fn no_permission_holds_with_a_clock_out_of_range() {
        let reddit = [source(1, Origin::Reddit)];
        for now in [i64::MIN, i64::MAX] {
            let found = standing(&[record(GRANTED)], &reddit, true, now);
            assert!(found.refusal(Purpose::Training).is_some(), "{now}");
        }
    }
}
