//! Progress: a bar with the time left on a terminal, occasional lines elsewhere, JSON lines with `--json`.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use repartee_engine::{Progress, Signal};

use crate::out::{Out, bytes, count, seconds};
use crate::terminal::{err_is_terminal, err_line, visible_cell};

/// Interval between progress lines where no terminal shows a bar.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Prints a job's signals.
pub struct Watch {
    out: Out,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    job: String,
    phase: String,
    printed: Option<Instant>,
}

impl Watch {
    pub fn new(out: Out) -> Self {
        let bar = (!out.json && !out.quiet && err_is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self {
            out,
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
            // For the window; here the finished replies are printed.
            Signal::Comments { .. } | Signal::Drafts { .. } | Signal::Scores { .. } => {}
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| err_line(text)),
            None if !self.out.quiet => err_line(text),
            None => {}
        }
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
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(total: bool) -> ProgressStyle {
    let template = if total {
        "{prefix} {bar:30} {percent:>3}% {msg}"
    } else {
        "{prefix} {spinner} {msg}"
    };
    ProgressStyle::with_template(template).map_or_else(
        |_| ProgressStyle::default_bar(),
        |s| s.progress_chars("━╸─"),
    )
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
