//! From threads to drafts in the queue: fetch, generate, score, select. Nothing is posted.

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Stop, from_json, to_json};
use repartee_core::kind::{EachName, LaterSteps};
use repartee_core::left_out::{LeftOut, Tally, caught, is_of_the_whole};
use repartee_posting::{Fetch, Fetched};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ToEngine;
use crate::generation::generate::{Generate, Generated};

/// Drafts replies to the comments of threads. A job: `draft`. Its steps are jobs of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct DraftReplies {
    /// Threads to fetch first; none: only stored ones.
    pub fetch: Option<Fetch>,
    /// Stored threads, by number; empty without `fetch`: all open ones.
    pub threads: Vec<i64>,
    /// Comments per thread to answer, the highest scores first.
    pub comments: usize,
    /// Whether the generator sees the title and ancestors of a comment; none: by the posting rules.
    pub context: Option<bool>,
    /// How replies are generated, scored and selected; its own comments are added to those of the threads.
    pub generate: Generate,
}

impl Default for DraftReplies {
    fn default() -> Self {
        Self {
            fetch: None,
            threads: Vec::new(),
            comments: 10,
            context: None,
            generate: Generate::default(),
        }
    }
}

/// The result of drafting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Drafted {
    /// None: nothing was to be fetched.
    pub fetched: Option<Fetched>,
    /// None: there was no comment to answer.
    pub generated: Option<Generated>,
    /// Threads that could not be read.
    #[serde(default)]
    pub left_out: LeftOut,
}

impl Job for DraftReplies {
    const KIND: &'static str = "draft";
    const LATER_STEPS: LaterSteps = LaterSteps::Named;
    type Outcome = Drafted;

    fn names(&mut self, each: EachName) {
        self.generate.names(each);
    }

    fn check(&self, project: &Project) -> Result<()> {
        if self.comments == 0 {
            return Err(Error::usage("comments must be at least 1"));
        }
        self.generate.check_settings(project)
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        self.generate.check_ready(project)
    }

    fn settle(&mut self, project: &Project) -> Result<()> {
        self.generate.settle(project)
    }

    fn kept(outcome: &Drafted) -> Result<String> {
        let fetched = outcome.fetched.as_ref().map(Fetch::kept).transpose()?;
        let generated = outcome.generated.as_ref().map(Generate::kept).transpose()?;
        to_json(&Drafted {
            fetched: fetched.as_deref().map(from_json).transpose()?,
            generated: generated.as_deref().map(from_json).transpose()?,
            left_out: outcome.left_out.clone(),
        })
    }

    fn tally(outcome: &Drafted) -> Option<Tally> {
        let fetched = outcome.fetched.as_ref().map_or(0, |f| f.threads.len());
        Some(Tally {
            nothing: "no comment could be answered",
            succeeded: fetched as u64 + u64::from(outcome.generated.is_some()),
            left_out: outcome.left_out.clone(),
        })
    }

    fn run(&self, ctx: &Ctx) -> Result<Drafted, Stop> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        if self.comments == 0 {
            return Err(Error::usage("comments must be at least 1").into());
        }
        let fetched = match &self.fetch {
            Some(fetch) => match ctx.step("fetch", fetch) {
                // there are other comments to answer
                Err(Stop::Failed(error))
                    if error.code == Code::Negative && !self.generate.comments.is_empty() =>
                {
                    ctx.leave_out("fetch", error.message)?;
                    None
                }
                fetched => Some(fetched?),
            },
            None => None,
        };
        let mut threads = self.threads.clone();
        if let Some(fetched) = &fetched {
            threads.extend(fetched.threads.iter().map(|thread| thread.id));
        } else if threads.is_empty() {
            let all = store.threads()?;
            threads = all
                .iter()
                .filter(|t| t.origin == "reddit" && t.open > 0)
                .map(|t| t.id)
                .collect();
        }
        let queued: Vec<i64> = store
            .replies(None)?
            .iter()
            .map(|reply| reply.comment_id)
            .collect();
        let mut stored = self.generate.stored.clone();
        for id in threads {
            let open = caught(|| match store.thread(id)?.skip.is_empty() {
                true => Ok(store.thread_comments(id)?),
                false => Ok(Vec::new()),
            });
            let mut open = match open {
                Ok(open) => open,
                Err(Stop::Failed(error)) if !is_of_the_whole(&error) => {
                    ctx.leave_out(format!("thread {id}"), error.message)?;
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            open.retain(|c| {
                c.skip.is_empty() && !c.body.trim().is_empty() && !queued.contains(&c.id)
            });
            // ties go to the earlier comment
            open.sort_by_key(|c| (std::cmp::Reverse(c.score.unwrap_or(i64::MIN)), c.id));
            stored.extend(open.iter().take(self.comments).map(|c| c.id));
        }
        let generate = Generate {
            stored,
            context: self
                .context
                .unwrap_or(engine.posting().posting_rules()?.context),
            ..self.generate.clone()
        };
        if generate.stored.is_empty() && generate.comments.is_empty() && generate.unseen == 0 {
            ctx.say("there is no comment to answer");
            return Ok(Drafted {
                fetched,
                generated: None,
                left_out: ctx.left_out()?,
            });
        }
        let generated = Some(ctx.step("generate", &generate)?);
        Ok(Drafted {
            fetched,
            generated,
            left_out: ctx.left_out()?,
        })
    }
}
