//! The model card: what the model is, what it is for, and where it ends.

use repartee_core::format::count;
use repartee_terms::{BaseKind, ModelKind};

use super::document::Section;
use super::{About, purpose};
use crate::export::TEXT;

pub(super) fn card(about: &About) -> Section {
    let mut section = Section::new("Model card");
    if about.info.deleted_content {
        section.warning("Trained on deleted content: the weights may still reproduce it.");
    }
    let facts = about.info.facts.as_ref();
    let parameters = facts.map(|facts| count(facts.parameters));
    section.facts([
        (
            "Model",
            format!("{}, {}", about.info.kind, purpose(about.info.kind)),
        ),
        ("Base", about.run.base.clone()),
        ("Parameters", parameters.unwrap_or_default()),
        (
            "Trained on Reddit content",
            match about.learned_from_reddit {
                true => "yes, or on text of unknown origin; directly, or through its base or fakes",
                false => "no",
            }
            .to_owned(),
        ),
    ]);
    match &about.base {
        Some(base) => section.facts([
            ("Origin of the base", without_folder(&base.origin)),
            ("Architecture", architecture(base.kind).to_owned()),
            ("Layers", base.layers.to_string()),
            ("Hidden size", base.width.to_string()),
            ("Context", format!("{} tokens", count(base.context))),
            (
                "Tokenizer",
                format!("that of the base, {} tokens", count(base.vocabulary)),
            ),
        ]),
        None => section.text("The base cannot be read."),
    }
    if let Some(input) = &about.input {
        section.facts([
            ("Template", input.template.clone()),
            (
                "Max sequence length",
                format!("{} tokens", count(input.max_tokens)),
            ),
            ("Truncation", input.truncation.clone()),
            ("Text", TEXT.to_owned()),
        ]);
    }
    section.heading("Intended use and limits");
    section.text(intended_use(about.info.kind));
    section.text(
        "The model has learned from the sources in the data card, with their topics, habits and biases. Its figures hold \
         for the sets that they were measured on, and can be lower on other communities and later texts.",
    );
    section
}

/// Where a base is from, without the folders of this machine: they are nobody's business.
pub(super) fn without_folder(origin: &str) -> String {
    let drive = || {
        let colon = origin.find(":\\")?;
        Some(origin[..colon].rfind(' ').map_or(0, |blank| blank + 1))
    };
    let begins = match origin.starts_with('/') {
        true => Some(0),
        false => origin.find(" /").map(|blank| blank + 1).or_else(drive),
    };
    match (begins, origin.rfind(['/', '\\'])) {
        (Some(begins), Some(last)) if begins <= last => {
            format!("{}{}", &origin[..begins], &origin[last + 1..])
        }
        _ => origin.to_owned(),
    }
}

fn architecture(kind: BaseKind) -> &'static str {
    match kind {
        BaseKind::Gpt2 => "GPT-2, a causal language model",
        BaseKind::Bert => "BERT with a classification head",
    }
}

fn intended_use(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Generator => {
            "For research on generated replies. It writes candidates, which can be wrong, offensive, or close to training \
             replies: a person reviews each one before it is used."
        }
        ModelKind::Realism => {
            "For research. It tells real replies from those of the generator whose fakes it was trained on. It is no \
             detector of texts by other models, and no evidence about a person."
        }
        ModelKind::Upvotes => {
            "For research. It predicts the score bin of a reply from its text and its comment alone. A score says nothing \
             about truth or quality, and depends on much that the model does not see."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_left_out_of_origins() {
        for (origin, shown) in [
            ("from scratch, seed 1", "from scratch, seed 1"),
            (
                "openai-community/gpt2@607a30d",
                "openai-community/gpt2@607a30d",
            ),
            ("/home/ann/my models/gpt2", "gpt2"),
            (
                "from scratch, seed 1, the tokenizer of /home/ann/gpt2",
                "from scratch, seed 1, the tokenizer of gpt2",
            ),
            ("C:\\Users\\ann\\gpt2", "gpt2"),
        ] {
            assert_eq!(without_folder(origin), shown);
        }
    }
}
