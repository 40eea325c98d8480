//! Permissions of the study for tests: complete, or none.

use repartee_engine::data::import::Import;
use repartee_engine::{Origin, StudyRecord};

/// `import` arguments with every permission.
pub const GRANTED: [&str; 8] = [
    "--permission",
    "training=granted,date=2020-01-01,scope=Tests of Repartee,link=https://example.org/training",
    "--permission",
    "api-access=granted,date=2020-01-01,scope=Tests of Repartee,link=https://example.org/api",
    "--permission",
    "research-program=granted,date=2020-01-01,scope=Tests of Repartee,link=https://example.org/program",
    "--permission",
    "ethics-board=not-required,note=no person is studied",
];

/// `import` arguments without permissions.
pub const NONE: [&str; 2] = ["--permission", "none"];

/// Records of every permission.
pub fn granted() -> Vec<StudyRecord> {
    let values = GRANTED.iter().skip(1).step_by(2);
    values
        .map(|value| value.parse().expect("a record"))
        .collect()
}

/// An import of possible Reddit content with every permission.
pub fn permitted() -> Import {
    Import {
        origin: Some(Origin::Unknown),
        study: granted(),
        who: "a test".to_owned(),
        ..Import::default()
    }
}
