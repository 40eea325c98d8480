//! Jobs and their owners.

use super::*;

#[test]
fn a_job_has_one_owner() {
    let (_dir, store) = project();
    assert!(
        store
            .job_insert("j", "import", "{}", Some("a"), 10)
            .unwrap()
    );
    assert!(
        !store
            .job_insert("j", "import", "{}", Some("b"), 11)
            .unwrap()
    );
    assert_eq!(
        store.job_beat("j", "a", Some("1"), 20).unwrap(),
        Some(Want::Run)
    );
    assert_eq!(store.job_beat("j", "b", None, 20).unwrap(), None);
    store.job_want("j", Want::Pause).unwrap();
    assert_eq!(
        store.job_beat("j", "a", None, 30).unwrap(),
        Some(Want::Pause)
    );
    assert!(
        !store
            .job_end("j", "b", JobState::Done, None, None, 40)
            .unwrap()
    );
    assert!(
        store
            .job_end("j", "a", JobState::Paused, None, None, 40)
            .unwrap()
    );
    let row = store.job("j").unwrap().unwrap();
    assert_eq!(
        (row.state, row.owner, row.ended_ms),
        (JobState::Paused, None, None)
    );
    assert_eq!(row.progress.as_deref(), Some("1"));

    assert!(!store.job_claim("j", Some("a"), "c", 50).unwrap());
    assert!(store.job_claim("j", None, "b", 50).unwrap());
    assert!(!store.job_claim("j", None, "c", 50).unwrap());
    assert_eq!(store.job_beat("j", "b", None, 60).unwrap(), Some(Want::Run));
    store.job_log("j", 61, "half way").unwrap();
    assert_eq!(store.job_lines("j").unwrap(), [(61, "half way".to_owned())]);
    assert!(
        store
            .job_end("j", "b", JobState::Done, None, Some("{}"), 70)
            .unwrap()
    );
    assert_eq!(store.jobs().unwrap()[0].ended_ms, Some(70));
    assert!(matches!(
        store.job_want("x", Want::Run),
        Err(Error::Missing { .. })
    ));
}
