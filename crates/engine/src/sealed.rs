//! Where a decision was made: here, or in a file that came from elsewhere.
//!
//! What a person decides (which text is posted, which permission was read) is stored with the seal of the
//! machine on which it was decided. A file that was last written elsewhere, or changed by another program,
//! has no seal of this machine, and its decisions hold only once a person has confirmed them here.

use repartee_store::ledger;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::machine::Machine;

/// Where a stored decision was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Here,
    Elsewhere,
    /// Before decisions were sealed, or by another program.
    Unsealed,
    /// Here, and changed since by another program; or it is an older one, which was taken back.
    Altered,
}

impl Origin {
    /// What is the matter with it, to go after "it was"; empty: nothing.
    pub fn words(self) -> &'static str {
        match self {
            Self::Here => "",
            Self::Elsewhere => "recorded on another machine, and is not confirmed here",
            Self::Unsealed => {
                "recorded by an earlier version of Repartee, and is not confirmed on this machine"
            }
            Self::Altered => {
                "changed outside of Repartee after it was recorded, and is not confirmed"
            }
        }
    }
}

/// The seal of this machine on a decision, as it is stored: `machine:once:seal`. No two are the same, so that one
/// which was taken back (see [`Engine::revoke_taken_back`]) is not that of the same decision made again.
pub(crate) fn seal(machine: &Machine, what: &str, parts: &[&str]) -> String {
    let once = uuid::Uuid::now_v7().simple().to_string();
    let mac = machine.seal(what, &[parts, &[&once]].concat());
    format!("{}:{once}:{mac}", machine.id())
}

/// Where a decision with a stored seal was made.
pub(crate) fn origin(machine: &Machine, stored: &str, what: &str, parts: &[&str]) -> Origin {
    match stored.split_once(':') {
        None => Origin::Unsealed,
        Some((id, _)) if id != machine.id() => Origin::Elsewhere,
        Some((_, rest)) => {
            let (parts, mac) = match rest.split_once(':') {
                Some((once, mac)) => ([parts, &[once]].concat(), mac),
                None => (parts.to_vec(), rest),
            };
            let hash = blake3::Hash::from_hex;
            match (hash(mac), hash(machine.seal(what, &parts).as_str())) {
                // this comparison takes the same time wherever the two differ
                (Ok(sealed), Ok(now)) if sealed == now && !machine.glance().is_revoked(stored) => {
                    Origin::Here
                }
                _ => Origin::Altered,
            }
        }
    }
}

/// A hash over a list of texts, each with its length in front, as 64 hexadecimal digits.
pub(crate) fn digest<'a>(what: &'a str, parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [what].into_iter().chain(parts) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// A record that a person can confirm on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// The settings and the approval of an account, and its app label.
    Account,
    /// The permission to post in a subreddit.
    Subreddit,
}

impl Engine {
    /// Confirms a record that was made elsewhere, as the person `who`, who saw it: `seen` is its hash as
    /// [`crate::reddit::AccountInfo`] or [`crate::reddit::PostingPermissionInfo`] gives it.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Changed`] when the record is not what was seen.
    pub fn record_confirm(
        &self,
        record: RecordKind,
        name: &str,
        seen: &str,
        who: &str,
    ) -> Result<()> {
        let machine = self.machine()?;
        match record {
            RecordKind::Account => self.account_confirm(&machine, name, seen, who),
            RecordKind::Subreddit => self.posting_permission_confirm(&machine, name, seen, who),
        }
    }
}

impl Engine {
    /// Decisions that writes of this process have taken back count no longer on this machine, even if their
    /// rows are put back into the file. What cannot be done now is done with the next ones.
    pub(crate) fn revoke_taken_back(&self) {
        let seals = self.store.seals_taken_back();
        if seals.is_empty() {
            return;
        }
        let revoke = || -> Result<()> {
            Ok(ledger::Ledger::open(self.machine()?.folder())?.revoke(&seals)?)
        };
        if let Err(error) = revoke() {
            tracing::warn!(%error, "decisions that were taken back are not noted in the ledger yet");
            self.store.seals_to_revoke_later(seals);
        }
    }
}

/// Compares the hash of what is there with what a person saw of it.
///
/// # Errors
/// [`Code::Changed`]; [`Code::Usage`] when `seen` is no such hash.
pub(crate) fn same(what: &str, now: &str, seen: &str) -> Result<()> {
    if begins(now, seen)? {
        return Ok(());
    }
    Err(Error::new(
        Code::Changed,
        format!("{what} is not what was shown; look at it again"),
    ))
}

/// The fewest digits of a hash that a person may give.
const DIGITS: usize = 16;

/// Whether a hash begins with the digits that were given.
///
/// # Errors
/// [`Code::Usage`] when they are none, or too few.
pub(crate) fn begins(hash: &str, given: &str) -> Result<bool> {
    let given = given.trim().to_ascii_lowercase();
    if given.len() < DIGITS || !given.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Error::usage(format!(
            "{given:?} is not the hash of what was shown: at least {DIGITS} hexadecimal digits"
        )));
    }
    Ok(hash.starts_with(&given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_here_only_for_an_unchanged_decision_of_this_machine() {
        let place = tempfile::tempdir().expect("a folder");
        let here = Machine::open(&place.path().join("here")).expect("opened");
        let there = Machine::open(&place.path().join("there")).expect("opened");
        let stored = seal(&here, "permission", &["Quiet", "link"]);
        let of = |machine, stored: &str, parts| origin(machine, stored, "permission", parts);
        assert_eq!(of(&here, &stored, &["Quiet", "link"]), Origin::Here);
        assert_eq!(of(&here, &stored, &["Quiet", "other"]), Origin::Altered);
        assert_eq!(of(&there, &stored, &["Quiet", "link"]), Origin::Elsewhere);
        assert_eq!(of(&here, "", &["Quiet", "link"]), Origin::Unsealed);
        // whoever knows the name of the machine has not its key
        let forged = stored.replace(here.id(), there.id());
        assert_eq!(of(&there, &forged, &["Quiet", "link"]), Origin::Altered);
    }

    #[test]
    fn short_and_wrong_hashes_are_refused() {
        let hash = digest("x", ["a", "b"]);
        assert_ne!(hash, digest("x", ["ab", ""]));
        assert!(begins(&hash, &hash[..16]).expect("a hash"));
        assert!(begins(&hash, &hash.to_uppercase()).expect("a hash"));
        assert!(!begins(&hash, &digest("x", ["a"])).expect("a hash"));
        for given in ["", &hash[..15], "not hexadecimal!"] {
            assert_eq!(begins(&hash, given).expect_err("refused").code, Code::Usage);
        }
    }
}
