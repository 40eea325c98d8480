//! The context of a stored comment for the generator: its text, and, depending on settings, the title and ancestors,
//! without names of people.

use std::collections::HashMap;

use repartee_core::error::{Error, Result};
use repartee_models::text::GeneratorText;

use crate::Engine;

/// A stored comment with its ancestors.
pub(crate) struct Stored {
    pub thread: i64,
    pub comment: String,
    /// The title, then the ancestors, the nearest first.
    pub above: Vec<String>,
    /// The rows of these ancestors.
    pub context: Vec<i64>,
}

/// Reads a stored comment; `context`: with its ancestors, as far as the posting rules say.
///
/// # Errors
/// [`crate::Code::NotFound`].
pub(crate) fn stored(engine: &Engine, id: i64, context: bool) -> Result<Stored> {
    let comment = engine.store.thread_comment(id)?;
    let (mut above, mut ancestors) = (Vec::new(), Vec::new());
    if context {
        let title = engine.store.thread(comment.thread_id)?.title;
        above.extend(Some(title).filter(|title| !title.trim().is_empty()));
        let comments = engine.store.thread_comments(comment.thread_id)?;
        let by_id: HashMap<i64, _> = comments.iter().map(|c| (c.id, c)).collect();
        let mut parent = comment.parent_id;
        for _ in 0..engine.posting().posting_rules()?.context_comments {
            let Some(found) = parent.and_then(|id| by_id.get(&id)) else {
                break;
            };
            if !found.body.is_empty() {
                above.push(found.body.clone());
                ancestors.push(found.id);
            }
            parent = found.parent_id;
        }
    }
    Ok(Stored {
        thread: comment.thread_id,
        comment: comment.body,
        above,
        context: ancestors,
    })
}

/// The prompt's text: as much context as fits with the comment, the title first, then the nearest ancestors, in thread
/// order.
///
/// # Errors
/// If the tokenizer fails.
pub(crate) fn seen(
    text: &GeneratorText,
    comment: &str,
    above: &[String],
    reply: usize,
) -> Result<String> {
    if above.is_empty() {
        return Ok(comment.to_owned());
    }
    let comment = without_names(comment);
    let mut fits = comment.clone();
    for count in 1..=above.len() {
        let (title, nearest) = above[..count].split_at(1);
        let parts = title
            .iter()
            .chain(nearest.iter().rev())
            .map(|part| without_names(part));
        let whole = parts
            .chain([comment.clone()])
            .collect::<Vec<_>>()
            .join("\n\n");
        if text.prompt(&whole, reply).map_err(Error::from)?.cut > 0 {
            break;
        }
        fits = whole;
    }
    Ok(fits)
}

/// Replaces names of users: `u/name` becomes `u/someone`.
fn without_names(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("u/") {
        let (before, from) = rest.split_at(at);
        let name = &from[2..];
        let end = name
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(name.len());
        out.push_str(before);
        out.push_str("u/");
        let alone = !before.ends_with(|c: char| c.is_alphanumeric());
        if alone && end >= 3 {
            out.push_str("someone");
            rest = &name[end..];
        } else {
            rest = name;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_left_out_of_the_context() {
        assert_eq!(
            without_names("thanks u/some_body-1, and /u/other!"),
            "thanks u/someone, and /u/someone!"
        );
        assert_eq!(
            without_names("menu/dinner u/ab stays"),
            "menu/dinner u/ab stays"
        );
        assert_eq!(without_names("nobody"), "nobody");
    }
}
