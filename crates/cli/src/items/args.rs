//! Flags of `... list`, `rename`, `note`, `tag` and `delete`.

use clap::{Args, Subcommand};

use crate::flags::a_name;

#[derive(Debug, Clone, Default, Args)]
pub struct ListArgs {
    /// Only with this tag
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum ItemCommand {
    /// Rename it; everything made with it shows the new name
    Rename {
        /// Its name; for sources, evaluations and generations also the number
        item: String,
        /// The new name
        name: String,
    },
    /// Show or set its note
    Note {
        /// Its name or number
        item: String,
        /// The new note; "" removes it [default: shows the note]
        text: Option<String>,
    },
    /// Show, add or remove its tags
    Tag {
        /// Its name or number
        item: String,
        /// Tags to add [default: shows the tags]
        tags: Vec<String>,
        /// A tag to remove; may be repeated
        #[arg(long, value_name = "TAG")]
        remove: Vec<String>,
    },
    /// Delete it, after listing everything that depends on it and asking
    Delete(DeleteArgs),
}

#[derive(Debug, Clone, Args)]
pub struct DeleteArgs {
    /// Its name or number
    pub item: String,
    /// Also delete everything that depends on it
    #[arg(long)]
    pub with_dependents: bool,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
    /// Delete only if the list of dependents still has this hash
    #[arg(long, value_name = "HASH")]
    pub seen: Option<String>,
    /// List everything that would be deleted, and stop
    #[arg(long, conflicts_with_all = ["yes", "seen"])]
    pub dry_run: bool,
    /// Who deletes it
    #[arg(long, value_name = "NAME", value_parser = a_name)]
    pub who: Option<String>,
}
