//! How base models are printed.

use anyhow::Result;
use repartee_engine::bases::base::{BaseEstimate, BaseInfo};
use repartee_engine::shell;

use crate::columns;
use crate::items;
use crate::out::{Out, Table, bytes, count, counted, short, text_width};

/// A new base, and what it is for.
pub fn made_base(out: Out, made: &BaseInfo) -> Result<()> {
    base(out, made)?;
    let train = |kind: &str| shell::command(["train", kind, "--base", &made.name]);
    out.line(match made.kind.as_str() {
        "gpt2" => format!("Next: `{}`", train("generator")),
        _ => format!(
            "Next: `{}`, or, once there are fakes, `{}`",
            train("upvotes"),
            train("realism")
        ),
    })
}

fn base(out: Out, base: &BaseInfo) -> Result<()> {
    out.line(format!(
        "Base {}: {}, {} parameters ({}, width {}), context {} tokens, vocabulary {}, {}",
        items::with_mark(&base.name, base.deleted_content),
        base.kind,
        count(base.parameters as u64),
        counted(base.layers as u64, "layer", "layers"),
        base.width,
        base.context,
        count(base.vocabulary as u64),
        bytes(base.bytes)
    ))
}

pub fn estimate(out: Out, found: &BaseEstimate) -> Result<()> {
    let at_most = match found.at_most {
        true => "No pairs yet to train a tokenizer on; at most ",
        false => "",
    };
    out.line(format!(
        "{at_most}{} parameters, {}, vocabulary {}",
        count(found.parameters as u64),
        bytes(found.bytes),
        count(found.vocabulary as u64)
    ))
}

pub fn bases(out: Out, bases: &[BaseInfo]) -> Result<()> {
    if bases.is_empty() {
        return out.line(
            "No bases. Add one with `repartee base add NAME --from FOLDER|HUB_ID` or `repartee base new NAME --kind gpt2|bert`",
        );
    }
    let mut table = Table::new(columns::BASES);
    for base in bases {
        table.row([
            items::with_mark(&base.name, base.deleted_content),
            base.kind.to_string(),
            count(base.parameters as u64),
            base.layers.to_string(),
            base.width.to_string(),
            base.context.to_string(),
            count(base.vocabulary as u64),
            bytes(base.bytes),
            items::tags(&base.label),
            items::note(&base.label),
            short(&base.origin, text_width()),
        ]);
    }
    table.print(out)
}
