//! The lease of an account: of all windows, terminals and processes, only one posts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Stop, now_ms};
use repartee_core::owner::{Owner, Watched, watch};
use repartee_store::Store;

use crate::Posting;

/// Heartbeat interval.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// The right to post for an account, kept alive by a thread of its own until this is dropped. Dropping does not release
/// it: what ends without [`Lease::give_back`] has crashed, and the next holder checks first.
pub(crate) struct Lease {
    store: Arc<Store>,
    account: String,
    owner: Owner,
    over: Arc<AtomicBool>,
    beating: Option<JoinHandle<()>>,
}

impl Lease {
    /// Takes the lease of an account if it is free, or its holder is gone.
    ///
    /// # Errors
    /// [`Code::Busy`] while a living process posts for the account.
    pub fn take(posting: Posting<'_>, ctx: &Ctx, account: &str) -> Result<Self, Stop> {
        // not the posting's own owner: two jobs of one process need two leases
        let owner = Owner::new();
        let mut held = None;
        let look = || -> Result<_, Stop> {
            held = posting.store.lease(account)?;
            Ok(held.clone())
        };
        let free = watch(now_ms, look, || ctx.go_on())? == Watched::Gone;
        let old = held.as_ref().map(|(owner, _)| owner.as_str());
        // another process may have been quicker
        if !free || !posting.store.lease_claim(account, old, &owner, now_ms())? {
            return Err(Error::new(
                Code::Busy,
                format!(
                    "another process posts for u/{account}; wait until it is done, or pause it"
                ),
            )
            .into());
        }
        let over = Arc::new(AtomicBool::new(false));
        let mut lease = Self {
            store: Arc::clone(&posting.store),
            account: account.to_owned(),
            owner,
            over,
            beating: None,
        };
        lease.beating = Some(lease.beat()?);
        Ok(lease)
    }

    fn beat(&self) -> Result<JoinHandle<()>> {
        let (store, over) = (Arc::clone(&self.store), Arc::clone(&self.over));
        let (account, owner) = (self.account.clone(), self.owner.to_string());
        let beat = move || {
            while !over.load(Ordering::Acquire) {
                std::thread::park_timeout(BEAT_EVERY);
                if over.load(Ordering::Acquire) {
                    return;
                }
                match store.lease_beat(&account, &owner, now_ms()) {
                    Ok(true) => {}
                    // the new holder handles the rest; `intend` checks the lease, too
                    Ok(false) => return,
                    Err(error) => {
                        tracing::warn!(%error, "the lease's heartbeat was not written")
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("lease".to_owned())
            .spawn(beat)
            .map_err(|e| Error::internal(format!("no thread for the lease: {e}")))
    }

    /// The holder's owner string.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Releases the lease.
    ///
    /// # Errors
    /// If the project cannot be written; the lease then expires in half a minute.
    pub fn give_back(self) -> Result<()> {
        Ok(self.store.lease_drop(&self.account, &self.owner)?)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(beating) = self.beating.take() {
            beating.thread().unpark();
            let _ = beating.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::time::Instant;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::ToPosting;
    use repartee_core::Project;
    use repartee_core::job::{Ended, Job};

    /// Takes and releases the lease.
    #[derive(Serialize, Deserialize)]
    struct Take {}

    impl Job for Take {
        const KIND: &'static str = "take";
        type Outcome = ();

        fn run(&self, ctx: &Ctx) -> Result<(), Stop> {
            Ok(Lease::take(ctx.project.posting(), ctx, "bot")?.give_back()?)
        }
    }

    const HOURS_2: i64 = 7_200_000;

    fn held_by(owner: &str, ahead_ms: i64) -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::create(&folder.path().join("x.repartee"), &[]).unwrap();
        assert!(
            project
                .store
                .lease_claim("bot", None, owner, now_ms() + ahead_ms)
                .unwrap()
        );
        (folder, project)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn lease_from_the_future_blocks_nothing_once_its_process_is_gone() {
        for owner in ["another-boot.1:1:1:x", "2147483647:x"] {
            for ahead_ms in [HOURS_2, -HOURS_2] {
                let (_folder, project) = held_by(owner, ahead_ms);
                let began = Instant::now();
                assert_eq!(project.start(&Take {}, &|_| {}).unwrap(), Ended::Done(()));
                assert!(
                    began.elapsed() < Duration::from_secs(8),
                    "{owner} {ahead_ms}"
                );
                assert_eq!(project.store.lease("bot").unwrap(), None);
            }
        }
    }

    #[test]
    fn lease_of_a_living_owner_is_not_taken_whatever_its_clock_says() {
        let owner = Owner::new();
        for ahead_ms in [0, HOURS_2, -HOURS_2] {
            let (_folder, project) = held_by(&owner, ahead_ms);
            let beats = Arc::clone(&project.store);
            let over = AtomicBool::new(false);
            let refused = std::thread::scope(|scope| {
                scope.spawn(|| {
                    for beat in 1.. {
                        std::thread::sleep(Duration::from_millis(300));
                        if over.load(Ordering::Acquire) {
                            return;
                        }
                        beats
                            .lease_beat("bot", &owner, now_ms() + ahead_ms + beat)
                            .unwrap();
                    }
                });
                let refused = project.start(&Take {}, &|_| {}).unwrap_err();
                over.store(true, Ordering::Release);
                refused
            });
            assert_eq!(refused.code, Code::Busy, "{ahead_ms}");
            assert!(
                project
                    .store
                    .lease("bot")
                    .unwrap()
                    .is_some_and(|(held, _)| held == *owner)
            );
        }
    }

    #[test]
    fn waiting_for_a_lease_can_be_interrupted() {
        // a living process id from an older version: it may be the holder
        let (_folder, project) = held_by(&format!("{}:x", std::process::id()), HOURS_2);
        let interrupt = project.interrupt.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            interrupt.press();
        });
        let began = Instant::now();
        assert_eq!(project.start(&Take {}, &|_| {}).unwrap(), Ended::Cancelled);
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
