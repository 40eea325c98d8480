//! The permissions of a study, as tests give them: whole, or none.

use repartee_engine::import::Import;
use repartee_engine::{Origin, StudyRecord};

/// Arguments of `import` for somebody who has every permission.
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

/// Arguments of `import` for somebody who has none.
pub const NONE: [&str; 2] = ["--permission", "none"];

/// The records of somebody who has every permission.
pub fn granted() -> Vec<StudyRecord> {
    let values = GRANTED.iter().skip(1).step_by(2);
    values
        .map(|value| value.parse().expect("a record"))
        .collect()
}

/// An import of what may be Reddit content, by somebody who has every permission.
pub fn permitted() -> Import {
    Import {
        origin: Some(Origin::Unknown),
        study: granted(),
        who: "a test".to_owned(),
        ..Import::default()
    }
}
