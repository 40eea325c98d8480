//! The pipeline at a glance: what there is, how good it is, and the next step.

use repartee_core::error::Result;
use repartee_posting::{AFTER_S, AccountInfo};
use repartee_terms::JobStatus;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::Permission;
use crate::evaluation::compared::headline;
use crate::evaluation::evaluate::standing;
use crate::queue::QueueCounts;
use crate::training::run_config::ModelKind;

/// The state of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Overview {
    /// The file's name without its extension.
    pub name: String,
    pub path: String,
    pub sources: u64,
    /// Those without a recorded permission.
    pub unpermitted: u64,
    pub comments: u64,
    pub posts: u64,
    pub pairs: u64,
    pub splits: Vec<String>,
    pub bases: u64,
    /// In the order generator, realism, upvotes.
    pub models: Vec<ModelState>,
    pub fakes: u64,
    pub candidates: u64,
    /// Replies of the queue by state.
    pub queue: QueueCounts,
    pub reddit: RedditState,
    /// Running or paused jobs.
    pub jobs: u64,
    /// The notice of the study: which permission is missing or expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub notice: Option<String>,
    /// Next steps, the most useful first; empty if nothing is open.
    pub next: Vec<NextStep>,
}

/// The state of one of the three models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelState {
    pub kind: ModelKind,
    pub runs: u64,
    /// A run of this kind that is being trained now.
    pub training: Option<String>,
    /// The last completed run.
    pub trained: Option<String>,
    pub evaluations: u64,
    /// The run of `figure`: the last completed one if it was evaluated, else the one that was evaluated last.
    pub evaluated: Option<String>,
    /// The headline metric of its last evaluation on the test set, or of its last: "AUC 0.756", "perplexity 7.210".
    pub figure: Option<String>,
    /// The baseline that it does not beat: "worse than chance 0.500"; empty: none.
    #[serde(default)]
    pub worse: String,
}

/// What a project has of Reddit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RedditState {
    pub accounts: u64,
    pub threads: u64,
    /// Comments in them that may be answered and have no reply in the queue.
    pub open: u64,
    /// Subreddits with a valid permission.
    pub permissions: u64,
    /// Due readings of posted replies' scores.
    pub due: u64,
}

/// A possible next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NextStep {
    /// settle, review, import, pairs, split, base, train, fakes, evaluate, generate, permit, study; about Reddit:
    /// choose-account, let-go-on, log-in, complete-account, allow, post, post-by-hand, outcomes, fetch, draft.
    pub step: String,
    /// What to do, as text.
    pub what: String,
    pub why: String,
    /// For a training or an evaluation: the kind of model.
    pub kind: Option<ModelKind>,
}

const KINDS: [ModelKind; 3] = [ModelKind::Generator, ModelKind::Realism, ModelKind::Upvotes];

impl Engine {
    /// The state of the project.
    pub fn overview(&self) -> Result<Overview> {
        let counts = self.store.counts()?;
        let sources = self.sources()?;
        let unpermitted = sources
            .iter()
            .filter(|s| s.permission == Permission::Unknown)
            .count();
        let runs = self.runs()?;
        let evaluations = self.evaluations()?;
        let models = KINDS
            .into_iter()
            .map(|kind| {
                let of_kind = || runs.iter().filter(move |run| run.kind == kind);
                let trained = of_kind()
                    .filter(|run| run.usable)
                    .rfind(|run| matches!(run.state, Some(JobStatus::Done | JobStatus::Stopped)))
                    .map(|run| run.name.clone());
                let of_this = || evaluations.iter().filter(move |e| e.config.kind == kind);
                let measured = of_this()
                    .rfind(|e| Some(&e.run) == trained.as_ref())
                    .or_else(|| of_this().next_back())
                    .and_then(|last| standing(of_this().filter(|e| e.run == last.run)));
                let first = measured.and_then(|e| headline(&e.compared));
                ModelState {
                    kind,
                    runs: of_kind().count() as u64,
                    training: of_kind()
                        .find(|run| run.state == Some(JobStatus::Running))
                        .map(|run| run.name.clone()),
                    evaluations: of_this().count() as u64,
                    evaluated: measured.map(|e| e.run.clone()),
                    figure: measured.map(|_| match first {
                        Some(one) => format!("{} {}", one.name, one.written()),
                        None => "no metric is defined".to_owned(),
                    }),
                    worse: first.map(|one| one.worse.clone()).unwrap_or_default(),
                    trained,
                }
            })
            .collect();
        let live = [JobStatus::Running, JobStatus::Paused, JobStatus::Lost];
        let jobs = self
            .jobs()?
            .into_iter()
            .filter(|job| live.contains(&job.state));
        let name = self
            .path()
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let mut overview = Overview {
            name: name.unwrap_or_default(),
            path: self.path().display().to_string(),
            sources: counts.sources,
            unpermitted: unpermitted as u64,
            comments: counts.comments,
            posts: counts.posts,
            pairs: counts.pairs,
            splits: self
                .store
                .splits()?
                .into_iter()
                .map(|split| split.name)
                .collect(),
            bases: counts.bases,
            models,
            fakes: counts.fakes,
            candidates: counts.candidates,
            queue: self.queue_counts()?,
            reddit: RedditState::default(),
            jobs: jobs.count() as u64,
            notice: self.study_mark()?,
            next: Vec::new(),
        };
        let account = self.posting().account_meant("").ok().map(AccountInfo::from);
        overview.reddit = self.reddit_state(account.as_ref())?;
        overview.next = next_steps(&overview, &self.base_kinds()?, account.as_ref());
        Ok(overview)
    }

    /// `account` is the one that posts.
    fn reddit_state(&self, account: Option<&AccountInfo>) -> Result<RedditState> {
        let now_ms = self.environment.clock.now_ms();
        let (threads, open) = self.store.threads_open()?;
        let permissions = self
            .store
            .posting_permissions()?
            .into_iter()
            .filter(|permission| {
                permission.off.is_empty() && permission.expires_ms.is_none_or(|end| end > now_ms)
            });
        let due = match account {
            Some(account) => self
                .store
                .outcomes_due(&account.name, &AFTER_S, now_ms)?
                .len(),
            None => 0,
        };
        Ok(RedditState {
            accounts: self.store.accounts()?.len() as u64,
            threads,
            open,
            permissions: permissions.count() as u64,
            due: due as u64,
        })
    }

    /// The kinds of the existing bases.
    fn base_kinds(&self) -> Result<Vec<String>> {
        let bases = self.store.bases()?;
        Ok(bases
            .into_iter()
            .map(|base| base.kind.as_str().to_owned())
            .collect())
    }
}

fn step(step: &str, kind: Option<ModelKind>, what: &str, why: &str) -> NextStep {
    NextStep {
        step: step.to_owned(),
        what: what.to_owned(),
        why: why.to_owned(),
        kind,
    }
}

/// The next steps: first what waits for the user, then the pipeline, then what keeps it running.
fn next_steps(
    now: &Overview,
    base_kinds: &[String],
    account: Option<&AccountInfo>,
) -> Vec<NextStep> {
    let mut steps = Vec::new();
    if now.queue.uncertain + now.queue.absent > 0 {
        steps.push(step(
            "settle",
            None,
            "Resolve replies with unconfirmed delivery",
            "Delivery to Reddit is unconfirmed, or the reply could not be found.",
        ));
    }
    if now.queue.draft > 0 {
        steps.push(step(
            "review",
            None,
            "Review the drafts",
            "Each reply must be approved or rejected.",
        ));
    }
    steps.extend(posting_steps(now, account));
    steps.extend(loop_steps(now, base_kinds));
    steps.extend(writing_step(now, account));
    if now.unpermitted > 0 {
        steps.push(step(
            "permit",
            None,
            "Add a permission for your data sources",
            "Training on Reddit content requires approval. The permission is stored with each source.",
        ));
    }
    if let Some(notice) = &now.notice {
        steps.push(step(
            "study",
            None,
            "Record the permissions of your study",
            &format!("{notice}. It is shown on every chart and export until it is on record."),
        ));
    }
    steps
}

/// The steps between an approved reply and Reddit, and readings due of posted ones.
fn posting_steps(now: &Overview, account: Option<&AccountInfo>) -> Vec<NextStep> {
    let add = |name: &str, what: &str, why: &str| step(name, None, what, why);
    let Some(account) = account else {
        if now.reddit.accounts > 0 {
            return vec![add(
                "choose-account",
                "Choose the account that posts",
                "There are several, or the posting rules name one that no longer exists.",
            )];
        }
        if now.queue.approved > 0 {
            return vec![add(
                "post-by-hand",
                "Post an approved reply by hand",
                "Copy its text from the queue and record the link. Or add an account under Reddit, \
                 Accounts, to post from here.",
            )];
        }
        return Vec::new();
    };
    let name = &account.name;
    let mut steps = Vec::new();
    if !account.stopped.is_empty() {
        steps.push(add(
            "let-go-on",
            &format!("See why u/{name} is disabled"),
            &format!(
                "Posting is disabled until you resume it: {}.",
                account.stopped
            ),
        ));
    }
    if account.facts.login_ms.is_none() {
        steps.push(add(
            "log-in",
            &format!("Log in u/{name}"),
            "Reading threads and posting require a login.",
        ));
        return steps;
    }
    if !account.missing.is_empty() {
        steps.push(add(
            "complete-account",
            &format!("Finish setting up u/{name}"),
            &format!(
                "Before it can post, it needs {}.",
                account.missing.join(", and ")
            ),
        ));
    }
    if now.reddit.permissions == 0 {
        steps.push(add(
            "allow",
            "Record where posting is permitted",
            "Ask the moderators of a subreddit; nothing is posted without a permission.",
        ));
    }
    let ready =
        account.missing.is_empty() && account.stopped.is_empty() && now.reddit.permissions > 0;
    if now.queue.approved > 0 && ready {
        steps.push(add(
            "post",
            "Post an approved reply",
            "One at a time, on your confirmation. Any blocking rule is shown first.",
        ));
    }
    if now.reddit.due > 0 {
        steps.push(add(
            "outcomes",
            "Fetch outcomes for posted replies",
            "Score after 1 hour, 1 day and 1 week, next to the predicted bin.",
        ));
    }
    steps
}

/// The steps that fill the queue from Reddit, if there are an account and a generator.
fn writing_step(now: &Overview, account: Option<&AccountInfo>) -> Option<NextStep> {
    account?.facts.login_ms?;
    let writes = now
        .models
        .iter()
        .any(|m| m.kind == ModelKind::Generator && m.trained.is_some());
    if !writes || now.queue.draft + now.queue.approved > 0 {
        return None;
    }
    Some(if now.reddit.open == 0 {
        step(
            "fetch",
            None,
            "Fetch threads",
            "Rising posts and their comments.",
        )
    } else {
        step(
            "draft",
            None,
            "Draft replies to the threads you fetched",
            "The generator drafts, both classifiers score, and the best are added to the queue.",
        )
    })
}

/// The steps of the pipeline. Each is suggested once its prerequisites exist.
fn loop_steps(now: &Overview, base_kinds: &[String]) -> Vec<NextStep> {
    let mut steps = Vec::new();
    let mut add = |name: &str, kind: Option<ModelKind>, what: &str, why: &str| {
        steps.push(step(name, kind, what, why));
    };
    let trained = |kind: ModelKind| {
        now.models
            .iter()
            .any(|m| m.kind == kind && m.trained.is_some())
    };
    let started = |kind: ModelKind| {
        now.models
            .iter()
            .any(|m| m.kind == kind && (m.trained.is_some() || m.training.is_some()))
    };
    if now.sources == 0 {
        add(
            "import",
            None,
            "Import comments",
            "Start by importing comments and replies.",
        );
    } else if now.pairs == 0 {
        add(
            "pairs",
            None,
            "Build the pairs",
            "Replies are joined to the comments they answer, and cleaned.",
        );
    } else if now.splits.is_empty() {
        add(
            "split",
            None,
            "Create a split",
            "Train on one set, evaluate on held-out data.",
        );
    } else {
        for (base, what) in [
            ("gpt2", "a GPT-2 base for the generator"),
            ("bert", "a BERT base for the classifiers"),
        ] {
            if !base_kinds.iter().any(|kind| kind == base) {
                add(
                    "base",
                    None,
                    &format!("Add {what}"),
                    "A run starts from a pretrained model, or from a small one made from scratch.",
                );
            }
        }
        let has = |base: &str| base_kinds.iter().any(|kind| kind == base);
        if has("gpt2") && !started(ModelKind::Generator) {
            add(
                "train",
                Some(ModelKind::Generator),
                "Train the generator",
                "It is trained on your pairs to answer comments.",
            );
        }
        if has("bert") && !started(ModelKind::Upvotes) {
            add(
                "train",
                Some(ModelKind::Upvotes),
                "Train the upvotes model",
                "It predicts which replies score well.",
            );
        }
        if trained(ModelKind::Generator) && now.fakes == 0 {
            add(
                "fakes",
                None,
                "Generate fakes",
                "The realism model is trained to distinguish them from real replies.",
            );
        }
        if has("bert") && now.fakes > 0 && !started(ModelKind::Realism) {
            add(
                "train",
                Some(ModelKind::Realism),
                "Train the realism model",
                "It distinguishes real replies from generated ones.",
            );
        }
        for model in &now.models {
            if let Some(run) = &model.trained
                && model.evaluated.as_ref() != Some(run)
            {
                let what = match model.evaluated {
                    None => format!("Evaluate the {} model", model.kind.as_str()),
                    Some(_) => format!("Evaluate {run}, the newest {} model", model.kind.as_str()),
                };
                add(
                    "evaluate",
                    Some(model.kind),
                    &what,
                    "Only the test set shows how good it is.",
                );
            }
        }
        if trained(ModelKind::Generator) && now.candidates == 0 {
            add(
                "generate",
                None,
                "Generate candidates",
                "Several replies to a comment, scored by both classifiers.",
            );
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use repartee_store::accounts::Account;

    use super::*;

    fn empty() -> Overview {
        Overview {
            name: String::new(),
            path: String::new(),
            sources: 0,
            unpermitted: 0,
            comments: 0,
            posts: 0,
            pairs: 0,
            splits: Vec::new(),
            bases: 0,
            models: Vec::new(),
            fakes: 0,
            candidates: 0,
            queue: QueueCounts::default(),
            reddit: RedditState::default(),
            jobs: 0,
            notice: None,
            next: Vec::new(),
        }
    }

    fn names(steps: impl IntoIterator<Item = NextStep>) -> Vec<String> {
        steps.into_iter().map(|step| step.step).collect()
    }

    #[test]
    fn missing_permission_is_a_separate_step() {
        let now = Overview {
            notice: Some("No permission to train on Reddit content on record".into()),
            ..empty()
        };
        let steps = next_steps(&now, &[], None);
        let last = steps.last().unwrap();
        assert_eq!(last.step, "study");
        assert!(
            last.why.starts_with("No permission to train"),
            "{}",
            last.why
        );
    }

    #[test]
    fn evaluated_model_is_not_suggested_again() {
        let model = |evaluated: Option<&str>, figure: Option<&str>| ModelState {
            kind: ModelKind::Realism,
            runs: 2,
            training: None,
            trained: Some("judge".to_owned()),
            evaluations: u64::from(evaluated.is_some()),
            evaluated: evaluated.map(str::to_owned),
            figure: figure.map(str::to_owned),
            worse: String::new(),
        };
        let asks = |model: ModelState| {
            let now = Overview {
                sources: 1,
                pairs: 10,
                splits: vec!["main".to_owned()],
                models: vec![model],
                ..empty()
            };
            let steps = loop_steps(&now, &[]);
            steps.into_iter().find(|one| one.step == "evaluate")
        };
        assert!(asks(model(None, None)).is_some());
        // also if the evaluation has no AUC, since a class is missing
        assert_eq!(asks(model(Some("judge"), None)), None);
        let newer = asks(model(Some("older"), Some("AUC 0.700"))).unwrap();
        assert!(newer.what.contains("judge"), "{}", newer.what);
    }

    #[test]
    fn approved_reply_without_an_account_is_posted_manually() {
        let mut now = empty();
        assert_eq!(names(next_steps(&now, &[], None)), ["import"]);
        now.queue.approved = 1;
        assert_eq!(
            names(next_steps(&now, &[], None)),
            ["post-by-hand", "import"]
        );
        now.reddit.accounts = 2;
        assert_eq!(names(posting_steps(&now, None)), ["choose-account"]);
    }

    #[test]
    fn next_steps_lead_from_account_to_outcomes() {
        let mut now = empty();
        let mut account = AccountInfo::from(Account {
            name: "bot".to_owned(),
            ..Account::default()
        });
        let steps = |now: &Overview, account: &AccountInfo| {
            let all = posting_steps(now, Some(account));
            names(all.into_iter().chain(writing_step(now, Some(account))))
        };
        assert_eq!(steps(&now, &account), ["log-in"]);

        account.facts.login_ms = Some(1);
        account.missing.remove(0);
        assert_eq!(steps(&now, &account), ["complete-account", "allow"]);
        let all = posting_steps(&now, Some(&account));
        assert!(all[0].why.contains("Reddit approved"), "{}", all[0].why);
        account.missing.clear();
        now.reddit.permissions = 1;
        assert_eq!(steps(&now, &account), [""; 0], "nothing can write yet");

        now.models.push(ModelState {
            kind: ModelKind::Generator,
            runs: 1,
            training: None,
            trained: Some("writer".to_owned()),
            evaluations: 0,
            evaluated: None,
            figure: None,
            worse: String::new(),
        });
        assert_eq!(steps(&now, &account), ["fetch"]);
        now.reddit.open = 3;
        assert_eq!(steps(&now, &account), ["draft"]);
        now.queue.draft = 1;
        assert_eq!(steps(&now, &account), [""; 0], "the drafts come first");
        assert_eq!(next_steps(&now, &[], Some(&account))[0].step, "review");

        (now.queue.draft, now.queue.approved) = (0, 1);
        assert_eq!(steps(&now, &account), ["post"]);
        account.stopped = "a moderator wrote".to_owned();
        assert_eq!(steps(&now, &account), ["let-go-on"]);
        account.stopped.clear();
        (now.queue.approved, now.queue.uncertain) = (0, 1);
        assert_eq!(next_steps(&now, &[], Some(&account))[0].step, "settle");
        (now.queue.uncertain, now.queue.posted, now.reddit.due) = (0, 1, 2);
        assert_eq!(steps(&now, &account), ["outcomes", "draft"]);
    }
}
