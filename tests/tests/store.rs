//! The project file in a person's hands: what takes the room, is it whole, give room back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_tests::Place;
use repartee_tests::sample::project;

fn sql(place: &Place, sql: &str) -> usize {
    rusqlite::Connection::open(place.project())
        .unwrap()
        .execute(sql, [])
        .unwrap()
}

#[test]
fn size_names_what_takes_space_and_compact_frees_it() {
    let (place, engine) = project(40);
    let size = place.ok(["size", "--json"]).result();
    let families = size["families"].as_array().unwrap();
    let space = |name: &str| {
        families.iter().find(|f| f["family"] == name).unwrap()["bytes"]
            .as_u64()
            .unwrap()
    };
    assert!(
        space("weights") > 100_000,
        "two small bases are in it: {size}"
    );
    assert!(space("comments") > 10_000);
    let sum: u64 = families.iter().map(|f| f["bytes"].as_u64().unwrap()).sum();
    let all = size["file"].as_u64().unwrap() + size["log"].as_u64().unwrap();
    assert!(sum <= all, "{size}");

    sql(&place, "DELETE FROM base WHERE name = 'small-bert'");
    let before = engine.size().unwrap();
    let done = place.ok(["compact", "--json"]).result();
    assert!(done["collected"].as_u64().unwrap() > 100_000, "{done}");
    let after = engine.size().unwrap();
    assert!(
        after.file + after.log < before.file + before.log,
        "{before:?} {after:?}"
    );
    assert_eq!(after.free, 0);
    place.ok(["check"]);
}

#[test]
fn check_finds_a_changed_tensor_and_a_missing_row() {
    let (place, _engine) = project(40);
    let well = place.ok(["check", "--json"]).result();
    assert_eq!(well["whole"], true);
    assert!(well["blobs_checked"].as_u64().unwrap() > 10);

    sql(
        &place,
        "UPDATE chunk SET data = zeroblob(length(data)) WHERE id =
           (SELECT c.id FROM chunk c JOIN bundle_part p ON p.hash = c.hash
              JOIN base b ON b.bundle_id = p.bundle_id
            WHERE b.name = 'small-gpt2' AND p.name LIKE '%wte.weight')",
    );
    let hurt = place.run(["check", "--json"]);
    assert_eq!(hurt.status, Some(1), "{hurt}");
    assert!(hurt.out.contains("wte.weight of base small-gpt2"), "{hurt}");

    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(
        "PRAGMA foreign_keys = OFF; DELETE FROM comment WHERE id IN (SELECT id FROM pair LIMIT 1)",
    )
    .unwrap();
    let hurt = place.run(["check"]);
    assert_eq!(hurt.status, Some(1), "{hurt}");
    assert!(
        hurt.out.contains("pair row") || hurt.err.contains("pair row"),
        "{hurt}"
    );
}

#[test]
fn doctor_needs_no_project() {
    let place = Place::empty();
    let ran = place.ok(["doctor"]);
    for word in ["SQLite", "cores", "device", "free in"] {
        assert!(ran.out.contains(word), "{word}: {ran}");
    }
}
