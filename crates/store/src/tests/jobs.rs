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
        (row.state, row.owner.as_deref(), row.ended_ms),
        (JobState::Paused, None, None)
    );
    assert_eq!(row.progress.as_deref(), Some("1"));

    let owned = JobRow {
        owner: Some("a".to_owned()),
        ..row.clone()
    };
    assert!(!store.job_claim(&owned, "c", Want::Run, 50).unwrap());
    assert!(store.job_claim(&row, "b", Want::Run, 50).unwrap());
    assert!(!store.job_claim(&row, "c", Want::Run, 50).unwrap());
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

#[test]
fn a_request_made_while_a_job_changes_hands_is_not_lost() {
    let (_dir, store) = project();
    store
        .job_insert("j", "train", "{}", Some("gone"), 10)
        .unwrap();
    let seen = store.job("j").unwrap().unwrap();
    assert!(store.job_want("j", Want::Cancel).unwrap());
    // a later pause, of a window that closes, does not keep it from ending
    assert!(store.job_want("j", Want::Pause).unwrap());
    assert!(
        !store.job_claim(&seen, "b", Want::Run, 20).unwrap(),
        "the request came after it was read"
    );
    let seen = store.job("j").unwrap().unwrap();
    assert!(store.job_claim(&seen, "b", seen.want, 20).unwrap());
    assert_eq!(
        store.job_beat("j", "b", None, 30).unwrap(),
        Some(Want::Cancel)
    );
    store
        .job_end("j", "b", JobState::Paused, None, None, 40)
        .unwrap();
    assert!(
        !store.job_want("j", Want::Stop).unwrap(),
        "no process would read it"
    );
}
