//! Change notification: every write marks the family of tables it touches, so that a window notices at once what any
//! process writes, and repeats just the affected queries.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Result, Store};

/// What a write touches, as front ends group it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    Sources,
    Pairs,
    Splits,
    Bases,
    Runs,
    Fakes,
    Evaluations,
    Threads,
    Queue,
    Outcomes,
    Reddit,
    Throttle,
    Jobs,
    Settings,
}

impl Family {
    /// Every family, in the order of the pipeline.
    pub const ALL: [Self; 14] = [
        Self::Sources,
        Self::Pairs,
        Self::Splits,
        Self::Bases,
        Self::Runs,
        Self::Fakes,
        Self::Evaluations,
        Self::Threads,
        Self::Queue,
        Self::Outcomes,
        Self::Reddit,
        Self::Throttle,
        Self::Jobs,
        Self::Settings,
    ];

    /// The name in the table and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Pairs => "pairs",
            Self::Splits => "splits",
            Self::Bases => "bases",
            Self::Runs => "runs",
            Self::Fakes => "fakes",
            Self::Evaluations => "evaluations",
            Self::Threads => "threads",
            Self::Queue => "queue",
            Self::Outcomes => "outcomes",
            Self::Reddit => "reddit",
            Self::Throttle => "throttle",
            Self::Jobs => "jobs",
            Self::Settings => "settings",
        }
    }
}

/// Counts the writes of each family; read by [`Watch`].
pub(crate) fn touch(db: &Connection, family: Family) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO touched (family, writes) VALUES (?1, 1)
         ON CONFLICT (family) DO UPDATE SET writes = writes + 1",
    )?
    .execute([family.as_str()])?;
    Ok(())
}

/// Watches a project file. It has a connection of its own: SQLite's `data_version` only tells a connection about writes
/// of others.
pub struct Watch {
    connection: Connection,
    version: i64,
    writes: [i64; Family::ALL.len()],
}

impl Watch {
    /// The families written by any process, including this one, since the last call. Takes microseconds if nothing was
    /// written.
    pub fn changed(&mut self) -> Result<Vec<Family>> {
        let version = data_version(&self.connection)?;
        if version == self.version {
            return Ok(Vec::new());
        }
        let writes = writes(&self.connection)?;
        let changed = Family::ALL
            .into_iter()
            .zip(self.writes.iter().zip(&writes))
            .filter(|(_, (before, now))| before != now)
            .map(|(family, _)| family)
            .collect();
        (self.version, self.writes) = (version, writes);
        Ok(changed)
    }
}

fn data_version(db: &Connection) -> Result<i64> {
    Ok(db
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))?)
}

fn writes(db: &Connection) -> Result<[i64; Family::ALL.len()]> {
    let mut counts = [0; Family::ALL.len()];
    let mut query = db.prepare_cached("SELECT family, writes FROM touched")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let word = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        if let Some(at) = Family::ALL.iter().position(|f| f.as_str() == word) {
            counts[at] = row.get(1)?;
        }
    }
    Ok(counts)
}

impl Store {
    /// Starts watching for writes from now on.
    pub fn watch(&self) -> Result<Watch> {
        let connection = self.reader()?;
        let version = data_version(&connection)?;
        let writes = writes(&connection)?;
        Ok(Watch {
            connection,
            version,
            writes,
        })
    }

    /// How often a family was written since the project was created: results computed from it are stale once this
    /// changes.
    pub fn writes_of(&self, family: Family) -> Result<i64> {
        self.read(|db| {
            let all = writes(db)?;
            let at = Family::ALL.iter().position(|f| *f == family);
            Ok(at.map_or(0, |at| all[at]))
        })
    }
}
