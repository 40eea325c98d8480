//! Where a decision was made: here, or in a file from elsewhere.
//!
//! A decision of the user (which text is posted, which permission was read) is stored with the seal of the machine on
//! which it was made. A file that was last written elsewhere, or changed by another program, has no seal of this
//! machine, and its decisions only hold after the user confirms them here.

use repartee_store::ledger;

use crate::Project;
use crate::error::{Code, Error, Result};
use crate::machine::Machine;

/// Where a stored decision was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Here,
    Elsewhere,
    /// Before decisions were sealed, or by another program.
    Unsealed,
    /// Here, and changed since by another program.
    Altered,
    /// Here, and then withdrawn or made differently: a copy of the project, or a backup, still has the older one.
    Replaced,
}

impl Origin {
    /// What is wrong with it, to follow "it was"; empty: nothing.
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
            Self::Replaced => {
                "replaced by a newer decision on this machine, in another copy of the project, and is not confirmed"
            }
        }
    }
}

/// This machine's seal on a decision, as stored: `machine:once:seal`. No two are the same, so that a withdrawn one (see
/// [`Project::revoke_taken_back`]) differs from that of the same decision made again.
pub fn seal(machine: &Machine, what: &str, parts: &[&str]) -> String {
    let once = uuid::Uuid::now_v7().simple().to_string();
    let mac = machine.seal(what, &[parts, &[&once]].concat());
    format!("{}:{once}:{mac}", machine.id())
}

/// Where a decision with a stored seal was made.
pub fn origin(machine: &Machine, stored: &str, what: &str, parts: &[&str]) -> Origin {
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
                // blake3's comparison takes constant time
                (Ok(sealed), Ok(now)) if sealed == now => match machine.is_revoked(stored) {
                    true => Origin::Replaced,
                    false => Origin::Here,
                },
                _ => Origin::Altered,
            }
        }
    }
}

/// A hash over a list of texts, each preceded by its length, as 64 hexadecimal digits.
pub fn digest<'a>(what: &'a str, parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [what].into_iter().chain(parts) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

impl Project {
    /// Revokes decisions that writes to this project have withdrawn: they no longer count on this machine, even if their
    /// rows are put back into the file. What fails now is tried again by the next such write, when the project is
    /// closed, and before anything is posted.
    ///
    /// # Errors
    /// If the ledger cannot be written. The project has the decision's withdrawal, a backup of it does not.
    pub fn revoke_taken_back(&self) -> Result<()> {
        let seals = self.store.seals_taken_back()?;
        if seals.is_empty() {
            return Ok(());
        }
        let revoke = || -> Result<()> {
            ledger::Ledger::open(self.machine()?.folder())?.revoke(&seals)?;
            Ok(self.store.seals_revoked(&seals)?)
        };
        revoke().map_err(|error| {
            let words = format!(
                "the change is stored in this project, but not in the ledger of this machine, so an older copy of the \
                 project would not know of it: {}. Nothing is posted until the ledger can be written; the next command \
                 tries again",
                error.message
            );
            Error {
                message: words,
                ..error
            }
        })
    }
}

/// Compares a current hash with the one that the user saw.
///
/// # Errors
/// [`Code::Changed`]; [`Code::Usage`] if `seen` is no such hash.
pub fn same(what: &str, now: &str, seen: &str) -> Result<()> {
    if begins(now, seen)? {
        return Ok(());
    }
    Err(Error::new(
        Code::Changed,
        format!("{what} has changed since you reviewed it; review it again"),
    ))
}

/// Minimum number of digits of a hash that the user may give.
const DIGITS: usize = 16;

/// Whether a hash begins with the given digits.
///
/// # Errors
/// [`Code::Usage`] if they are invalid, or too few.
pub fn begins(hash: &str, given: &str) -> Result<bool> {
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
    fn origin_is_here_only_for_unchanged_decisions_of_this_machine() {
        let place = tempfile::tempdir().expect("a folder");
        let here = Machine::open(&place.path().join("here")).expect("opened");
        let there = Machine::open(&place.path().join("there")).expect("opened");
        let stored = seal(&here, "permission", &["Quiet", "link"]);
        let of = |machine, stored: &str, parts| origin(machine, stored, "permission", parts);
        assert_eq!(of(&here, &stored, &["Quiet", "link"]), Origin::Here);
        assert_eq!(of(&here, &stored, &["Quiet", "other"]), Origin::Altered);
        assert_eq!(of(&there, &stored, &["Quiet", "link"]), Origin::Elsewhere);
        assert_eq!(of(&here, "", &["Quiet", "link"]), Origin::Unsealed);
        // a newer decision was made in another copy of the project
        let ledger = ledger::Ledger::open(here.folder()).expect("opened");
        let other = seal(&here, "permission", &["Quiet", "link"]);
        ledger
            .revoke(std::slice::from_ref(&stored))
            .expect("revoked");
        assert_eq!(of(&here, &stored, &["Quiet", "link"]), Origin::Replaced);
        assert_eq!(of(&here, &stored, &["Quiet", "other"]), Origin::Altered);
        assert_eq!(of(&here, &other, &["Quiet", "link"]), Origin::Here);
        // knowing the machine's name is not having its key
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
