//! Progress: a bar with the time left on a terminal, and candidates while they are generated; occasional lines
//! elsewhere; JSON lines with `--json`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use repartee_engine::job::Draft;
use repartee_engine::{Progress, Signal};

use crate::out::{Out, bytes, count, seconds, text_width};
use crate::terminal::{err_is_terminal, err_line, visible_cell};

/// Interval between progress lines where no terminal shows a bar.
const LINE_EVERY: Duration = Duration::from_secs(15);
/// Candidates shown at once while they are generated, above the bar.
const CANDIDATES: usize = 10;
/// How often the terminal is redrawn, at most.
const DRAWS_PER_SECOND: u8 = 20;

/// Prints a job's signals.
pub struct Watch {
    out: Out,
    /// The bar, and the candidates above it.
    lines: MultiProgress,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    job: String,
    phase: String,
    printed: Option<Instant>,
    /// The candidates that are shown, by comment and number.
    drafts: BTreeMap<(usize, usize), ProgressBar>,
}

impl Watch {
    pub fn new(out: Out) -> Self {
        let draws = !out.json && !out.quiet && err_is_terminal();
        Self::on(
            out,
            draws.then(|| ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND)),
        )
    }

    /// Draws on this target; none: it prints lines only.
    fn on(out: Out, target: Option<ProgressDrawTarget>) -> Self {
        let draws = target.is_some();
        let lines =
            MultiProgress::with_draw_target(target.unwrap_or_else(ProgressDrawTarget::hidden));
        let bar = draws.then(|| {
            let bar = lines.add(ProgressBar::no_length());
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self {
            out,
            lines,
            bar,
            state: Mutex::default(),
        }
    }

    /// The id of the started job; empty before it started.
    pub fn job(&self) -> String {
        self.state
            .lock()
            .map(|state| state.job.clone())
            .unwrap_or_default()
    }

    pub fn signal(&self, signal: Signal) {
        if let Signal::Started { job, .. } = &signal
            && let Ok(mut state) = self.state.lock()
            && state.job.is_empty()
        // later ones are its steps
        {
            state.job.clone_from(job);
        }
        if self.out.json {
            // A closed pipe must not stop the job; printing the result fails then.
            let _ = self.out.json(&signal);
            return;
        }
        match signal {
            Signal::Started { job, resumed, .. } => {
                if resumed {
                    self.say(&format!("Resuming job {job}"));
                }
            }
            Signal::Log { text } => self.say(&text),
            Signal::Visit { address } => {
                self.say("Open this link in a browser:");
                self.say(&address);
            }
            Signal::Progress(progress) => self.progress(&progress),
            Signal::Drafts { drafts } => self.drafts(&drafts),
            // For the window; here the result shows them.
            Signal::Comments { .. } | Signal::Scores { .. } => {}
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| err_line(text)),
            None if !self.out.quiet => err_line(text),
            None => {}
        }
    }

    /// Shows candidates while they are generated, as many as there are lines for. The result shows all of them.
    fn drafts(&self, drafts: &[Draft]) {
        let (Some(bar), Ok(mut state)) = (&self.bar, self.state.lock()) else {
            return;
        };
        for draft in drafts {
            let of = (draft.comment, draft.n);
            if draft.finish_reason.is_some() {
                if let Some(line) = state.drafts.remove(&of) {
                    self.remove(&line);
                }
                continue;
            }
            if state.drafts.len() >= CANDIDATES && !state.drafts.contains_key(&of) {
                continue;
            }
            let line = state.drafts.entry(of).or_insert_with(|| {
                let line = self.lines.insert_before(bar, ProgressBar::no_length());
                line.set_style(template("{prefix:>3} {wide_msg}"));
                line.set_prefix(count(draft.n as u64 + 1));
                line
            });
            line.set_message(end_of(&draft.text, text_width()));
        }
    }

    fn remove(&self, line: &ProgressBar) {
        line.finish_and_clear();
        self.lines.remove(line);
    }

    fn progress(&self, progress: &Progress) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        let new_phase = state.phase != progress.phase;
        state.phase.clone_from(&progress.phase);
        if let Some(bar) = &self.bar {
            if new_phase {
                bar.set_style(style(progress.total.is_some()));
            }
            bar.set_length(progress.total.unwrap_or(0));
            bar.set_position(progress.done);
            bar.set_prefix(visible_cell(&progress.phase));
            bar.set_message(visible_cell(&tail(progress)));
        } else if !self.out.quiet
            && (new_phase || state.printed.is_none_or(|at| at.elapsed() >= LINE_EVERY))
        {
            state.printed = Some(Instant::now());
            let share = progress
                .total
                .filter(|t| *t > 0)
                .map(|t| format!("{:3.0}%  ", progress.done as f64 * 100.0 / t as f64));
            err_line(&format!(
                "{}: {}{}",
                progress.phase,
                share.unwrap_or_default(),
                tail(progress)
            ));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            for line in std::mem::take(&mut state.drafts).values() {
                self.remove(line);
            }
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(total: bool) -> ProgressStyle {
    template(if total {
        "{prefix} {bar:30} {percent:>3}% {msg}"
    } else {
        "{prefix} {spinner} {msg}"
    })
}

fn template(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).map_or_else(
        |_| ProgressStyle::default_bar(),
        |s| s.progress_chars("━╸─"),
    )
}

/// The end of a text that grows, on one line of at most `width` characters.
fn end_of(text: &str, width: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let more = flat.chars().count().saturating_sub(width);
    match flat.char_indices().nth(more + 1) {
        Some((at, _)) if more > 0 => format!("…{}", visible_cell(&flat[at..])),
        _ => visible_cell(&flat),
    }
}

/// "1.2 GiB of 3.4 GiB, loss 3.2, 2 min 05 s left".
fn tail(progress: &Progress) -> String {
    let amount = |n: u64| {
        if progress.unit == "bytes" {
            bytes(n)
        } else {
            count(n)
        }
    };
    let unit = if progress.unit == "bytes" {
        ""
    } else {
        progress.unit.as_str()
    };
    let mut text = match progress.total {
        Some(total) => format!("{} of {} {unit}", amount(progress.done), amount(total)),
        None => format!("{} {unit}", amount(progress.done)),
    };
    text.truncate(text.trim_end().len());
    if progress.total.is_none() && progress.done == 0 && !progress.note.is_empty() {
        return progress.note.clone();
    }
    if !progress.note.is_empty() {
        text.push_str(", ");
        text.push_str(&progress.note);
    }
    if let Some(eta) = progress.eta_s.filter(|eta| *eta >= 1.0) {
        text.push_str(&format!(", {} left", seconds(eta)));
    }
    text
}

#[cfg(test)]
mod tests {
    use repartee_engine::terms::FinishReason;

    use super::*;

    #[test]
    fn a_growing_text_is_cut_at_its_beginning() {
        assert_eq!(end_of("a\n b", 10), "a b");
        assert_eq!(end_of("abcdef", 6), "abcdef");
        assert_eq!(end_of("abcdefg", 6), "…cdefg");
        assert_eq!(end_of("日本語です", 3), "…です");
        assert_eq!(end_of("", 3), "");
        assert_eq!(end_of("a\u{1b}[2Jb", 20), "a\\u{1b}[2Jb");
    }

    #[test]
    fn candidates_are_shown_until_they_are_finished() {
        let out = Out {
            json: false,
            quiet: true,
        };
        let watch = Watch::on(out, Some(ProgressDrawTarget::hidden()));
        let draft = |comment, n, text: &str, finish_reason| Draft {
            comment,
            n,
            text: text.to_owned(),
            finish_reason,
        };
        let shown = || -> Vec<String> {
            let state = watch.state.lock().expect("not poisoned");
            state.drafts.values().map(ProgressBar::message).collect()
        };
        watch.signal(Signal::Drafts {
            drafts: vec![draft(0, 1, "Let", None)],
        });
        assert_eq!(shown(), ["Let"]);
        watch.signal(Signal::Drafts {
            drafts: vec![draft(0, 0, "Try", None), draft(0, 1, "Let it", None)],
        });
        assert_eq!(shown(), ["Try", "Let it"]);
        let end = Some(FinishReason::End);
        watch.signal(Signal::Drafts {
            drafts: vec![draft(0, 1, "Let it rest.", end)],
        });
        assert_eq!(shown(), ["Try"]);
        // more than there are lines for
        let many = (0..40).map(|n| draft(1, n, "x", None)).collect();
        watch.signal(Signal::Drafts { drafts: many });
        assert_eq!(shown().len(), CANDIDATES);
    }
}
