//! How fakes, candidates and generations are printed.

use anyhow::Result;
use repartee_engine::generation::fakes::{FakeShown, FakesInfo};
use repartee_engine::generation::generate::{Generated, GenerationInfo};
use repartee_engine::terms::FinishReason;
use repartee_engine::{SamplingParams, shell};

use crate::columns;
use crate::items;
use crate::out::{Out, Table, count, counted, figure, set_name, short, text_width, time};

pub fn made_fakes(out: Out, set: &FakesInfo) -> Result<()> {
    fake_sets(out, std::slice::from_ref(set))?;
    items::left_out(out, &set.left_out)?;
    out.line(format!(
        "Next: `{}`, `{}`",
        shell::command(["fakes", "show", &set.name]),
        shell::command(["train", "realism", "--fakes", &set.name])
    ))
}

pub fn fake_sets(out: Out, sets: &[FakesInfo]) -> Result<()> {
    if sets.is_empty() {
        return out.line("No fakes. Generate some with `repartee fakes make --generator RUN`");
    }
    let mut table = Table::new(columns::FAKES);
    for set in sets {
        let [train, val, test] = set.fakes.map(count);
        table.row([
            items::with_mark(&set.name, set.deleted_content),
            set.config.generator.clone(),
            count(set.config.step),
            set.split.clone(),
            train,
            val,
            test,
            settings(&set.config.sampling),
            set.config.precision.to_string(),
            items::tags(&set.label),
            items::note(&set.label),
        ]);
    }
    table.print(out)
}

/// Fakes next to the real replies.
pub fn fakes(out: Out, fakes: &[FakeShown]) -> Result<()> {
    for fake in fakes {
        let set = set_name(fake.partition);
        out.line(format!("[{set}] > {}", short(&fake.comment, 300)))?;
        out.line(format!("  real: {}", short(&fake.real, 300)))?;
        let cut = match fake.finish_reason {
            FinishReason::Length => " (cut off at the maximum length)",
            FinishReason::End => "",
        };
        out.line(format!("  fake: {}{cut}", short(&fake.fake, 300)))?;
        out.line("")?;
    }
    Ok(())
}

/// Candidates for each comment, and what was queued.
pub fn generated(out: Out, generated: &Generated, queues: bool) -> Result<()> {
    for answered in &generated.comments {
        out.lines("> ", answered.comment.trim())?;
        let mut table = Table::new(["", "p(real)", "expected bin", "reply", "reason"]);
        for candidate in &answered.candidates {
            let mark = match candidate.picked {
                true => "*",
                false => "",
            };
            table.row([
                mark.to_owned(),
                figure(candidate.p_real, 3),
                figure(candidate.expected_bin, 2),
                short(&candidate.text, text_width()),
                candidate.reason.clone(),
            ]);
        }
        table.print(out)?;
        for candidate in &answered.candidates {
            for flag in &candidate.flags {
                out.line(format!(
                    "Candidate {}: {}",
                    u64::from(candidate.n) + 1,
                    flag.reason
                ))?;
                if let Some(source) = &flag.source {
                    out.lines("  | ", source.trim())?;
                }
            }
        }
        out.line("")?;
    }
    items::left_out(out, &generated.left_out)?;
    let used = settings(&generated.config.sampling);
    out.line(format!("Decoding settings: {used}"))?;
    precisions(out, generated)?;
    match queues {
        false => out.line("Nothing was queued"),
        true => queued(out, generated),
    }
}

/// The precision of each model that was used, and what to know about the scores.
pub fn precisions(out: Out, generated: &Generated) -> Result<()> {
    let (config, used) = (&generated.config, &generated.config.precisions);
    let mut models = vec![format!("generator {}", used.generator)];
    if config.realism.is_some() {
        models.push(format!("realism {}", used.realism));
    }
    if config.upvotes.is_some() {
        models.push(format!("upvotes {}", used.upvotes));
    }
    out.line(format!("Precision: {}", models.join(", ")))?;
    for note in &generated.notes {
        out.line(format!("Note: {note}"))?;
    }
    Ok(())
}

/// What was queued, and what to do next.
pub fn queued(out: Out, generated: &Generated) -> Result<()> {
    let mut candidates = generated.comments.iter().flat_map(|one| &one.candidates);
    let is_any_picked = candidates.any(|one| one.picked);
    match generated.queued.len() {
        0 if is_any_picked => out.line(
            "Nothing was queued: the same replies are in the queue already. Try another --seed",
        ),
        0 => out.line("No candidate was picked. Try more candidates (-n) or a lower --min-p-real"),
        1 => out.line("1 reply was queued as a draft. Next: `repartee queue list`"),
        n => out.line(format!(
            "{n} replies were queued as drafts. Next: `repartee queue list`"
        )),
    }
}

pub fn generations(out: Out, all: &[GenerationInfo]) -> Result<()> {
    if all.is_empty() {
        return out.line("No generations. Start one with `repartee generate`");
    }
    let mut table = Table::new(columns::GENERATIONS);
    for one in all {
        table.row([
            one.id.to_string(),
            one.name.clone(),
            one.config.generator.clone(),
            one.config.realism.clone().unwrap_or_default(),
            one.config.upvotes.clone().unwrap_or_default(),
            count(one.candidates),
            time(one.created_ms),
            items::tags(&one.label),
            items::note(&one.label),
        ]);
    }
    table.print(out)
}

/// Decoding settings in a few words.
fn settings(sampling: &SamplingParams) -> String {
    let mut text = format!("temperature {}", sampling.temperature);
    if sampling.top_k > 0 {
        text.push_str(&format!(", top-k {}", sampling.top_k));
    }
    if sampling.top_p < 1.0 {
        text.push_str(&format!(", top-p {}", sampling.top_p));
    }
    text.push_str(&sampling.further());
    format!(
        "{text}, at most {}, seed {}",
        counted(sampling.max_new_tokens, "token", "tokens"),
        sampling.seed
    )
}
