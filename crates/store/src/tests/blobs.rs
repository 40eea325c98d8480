//! Weights: stored once, completed or removed, and checked.

use super::*;

#[test]
fn equal_tensors_are_stored_once_and_round_trip() {
    let (_dir, store, _, runs) = with_runs();
    assert_eq!(blobs_of(&store), 1);
    let best = save(&store, runs[0], Role::Best, 10, 7);
    save(&store, runs[0], Role::Last, 10, 7);
    assert_eq!(blobs_of(&store), 3);
    let checkpoint = store.checkpoint_by_id(best).unwrap();
    assert_eq!(
        (checkpoint.role, checkpoint.step, checkpoint.run.as_str()),
        (Role::Best, 10, "generator")
    );
    let parts = store.bundle(checkpoint.bundle_id).unwrap();
    assert_eq!(parts[0].shape, Some(vec![1, CHUNK + 5]));
    assert_eq!(store.bytes(&parts[0]).unwrap(), vec![7; CHUNK + 5]);
    let m = store
        .bundle_bytes(checkpoint.optimizer_id.unwrap(), "m.wte.weight")
        .unwrap();
    assert_eq!(m, Some(vec![7; 9]));
    assert_eq!(
        store.bundle_bytes(checkpoint.bundle_id, "nothing").unwrap(),
        None
    );

    // the next one replaces it, and what is unused is removed at once
    save(&store, runs[0], Role::Last, 20, 8);
    assert_eq!(blobs_of(&store), 5);
    save(&store, runs[0], Role::Best, 20, 8);
    assert_eq!(blobs_of(&store), 3);
    assert_eq!(store.checkpoints().unwrap().len(), 2);
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn used_checkpoint_is_kept() {
    let (_dir, store, split_id, runs) = with_runs();
    let first = save(&store, runs[0], Role::Best, 1, 1);
    let set = NewFakeSet {
        name: "f".into(),
        checkpoint_id: first,
        split_id,
        config: "{}".into(),
    };
    store.fake_set_insert(&set, 4).unwrap();
    let second = save(&store, runs[0], Role::Best, 2, 2);
    let kept = store.checkpoint_by_id(first).unwrap();
    assert_eq!((kept.role, kept.optimizer_id), (Role::Kept, None));
    assert_eq!(
        store.checkpoint(runs[0], Role::Best).unwrap().unwrap().id,
        second
    );
    let third = save(&store, runs[0], Role::Best, 3, 3);
    assert!(third > second, "an id is never given twice");
    assert!(matches!(
        store.checkpoint_by_id(second),
        Err(Error::Missing { .. })
    ));
    for (kind, name) in [(ItemKind::Base, "b"), (ItemKind::Split, "s")] {
        let refused = delete(&store, kind, name);
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    }
}

#[test]
fn incomplete_blob_is_completed_or_removed() {
    let (_dir, store, _, runs) = with_runs();
    let bytes = vec![5; 2 * CHUNK];
    let part = tensor("x", &[2 * CHUNK], &bytes);
    let stored = store.put(&part).unwrap();
    store
        .write(Family::Bases, |db| {
            Ok(db.execute(
                "DELETE FROM chunk WHERE hash = ?1 AND seq = 1",
                [&stored.hash[..]],
            )?)
        })
        .unwrap();
    let new = NewCheckpoint {
        run_id: runs[0],
        role: Role::Best,
        step: 1,
        weights: std::slice::from_ref(&stored),
        optimizer: None,
        state: "{}",
    };
    assert!(matches!(
        store.checkpoint_save(&new, 1),
        Err(Error::Collected(_))
    ));
    assert_eq!(store.put(&part).unwrap(), stored);
    store.checkpoint_save(&new, 1).unwrap();

    let orphan = vec![6; CHUNK];
    store.put(&tensor("y", &[CHUNK], &orphan)).unwrap();
    let done = store.compact().unwrap();
    assert_eq!(done.collected, CHUNK as u64);
    assert!(done.after < done.before, "{done:?}");
    assert_eq!(store.bytes(&stored).unwrap(), bytes);
}

#[test]
fn check_finds_damage_and_size_adds_up() {
    let (_dir, store, _, runs) = with_runs();
    let id = save(&store, runs[1], Role::Best, 10, 7);
    let part = &store
        .bundle(store.checkpoint_by_id(id).unwrap().bundle_id)
        .unwrap()[0];
    let mut seen = 0;
    let check = store
        .check(|done, all| {
            seen = done;
            done <= all
        })
        .unwrap();
    assert!(check.is_whole(), "{check:?}");
    assert_eq!((check.blobs_checked, check.bytes_checked), (3, seen));

    store
        .write(Family::Bases, |db| {
            let sql = "UPDATE chunk SET data = zeroblob(length(data)) WHERE hash = ?1 AND seq = 1";
            Ok(db.execute(sql, [&part.hash[..]])?)
        })
        .unwrap();
    let check = store.check(|_, _| true).unwrap();
    assert_eq!(
        check.blobs,
        ["wte.weight of realism (best): its bytes differ from those stored"]
    );
    assert!(matches!(store.bytes(part), Err(Error::Damaged(_))));
    store
        .write_bare(|db| Ok(db.execute_batch("PRAGMA foreign_keys = OFF")?))
        .unwrap();
    store
        .write(Family::Sources, |db| {
            Ok(db.execute("DELETE FROM comment WHERE id = 1001", [])?)
        })
        .unwrap();
    let check = store.check(|_, _| true).unwrap();
    assert!(
        check
            .foreign_keys
            .iter()
            .any(|line| line.starts_with("pair row 1001")),
        "{check:?}"
    );

    let size = store.size().unwrap();
    let weights = size
        .families
        .iter()
        .find(|space| space.family == "weights")
        .unwrap();
    assert_eq!(weights.rows, 4); // chunks
    assert!(weights.bytes > CHUNK as u64);
    let sum: u64 = size.families.iter().map(|space| space.bytes).sum();
    assert!(sum + size.free <= size.file + size.wal, "{size:?}");
}
