//! Bases: models that runs start from, pretrained or made from scratch.

use rusqlite::{Row, params};

use crate::blobs::{self, Stored};
use crate::error::is_unique;
use crate::items::ItemKind;
use crate::readable::readable;
use crate::watch::Family;
use crate::words::word;
use crate::{Error, Result, Store};

pub use repartee_terms::BaseKind;

/// A base to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBase {
    pub name: String,
    pub kind: BaseKind,
    /// The folder, the hub id with its revision, or "from scratch".
    pub origin: String,
    /// The content of config.json.
    pub config: String,
}

/// A stored base. Its bundle contains the tensors under their Hugging Face names, and the tokenizer's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    pub id: i64,
    pub name: String,
    pub kind: BaseKind,
    /// The folder, the hub id with its revision, or "from scratch".
    pub origin: String,
    /// The content of config.json.
    pub config: String,
    pub bundle_id: i64,
    /// Bytes of the bundle; some may be shared with other bundles.
    pub bytes: u64,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

const SELECT: &str = "SELECT id, name, kind, origin, config, bundle_id, created_ms,
    (SELECT coalesce(sum(b.bytes), 0) FROM bundle_part p JOIN blob b ON b.hash = p.hash
     WHERE p.bundle_id = base.bundle_id)
    FROM base";

fn base_row(row: &Row<'_>) -> rusqlite::Result<Base> {
    Ok(Base {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: word(row, 2, "base.kind")?,
        origin: row.get(3)?,
        config: row.get(4)?,
        bundle_id: row.get(5)?,
        created_ms: row.get(6)?,
        bytes: row.get::<_, i64>(7)?.unsigned_abs(),
    })
}

impl Store {
    /// Adds a base of parts that were [`Store::put`], and returns its id.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::Collected`].
    pub fn base_insert(&self, new: &NewBase, parts: &[Stored], now_ms: i64) -> Result<i64> {
        self.write(Family::Bases, |db| {
            let bundle = blobs::bind(db, parts)?;
            let made = db.execute(
                "INSERT INTO base (name, kind, origin, config, bundle_id, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    new.name,
                    new.kind.as_str(),
                    new.origin,
                    new.config,
                    bundle,
                    now_ms
                ],
            );
            match made {
                Ok(_) => Ok(db.last_insert_rowid()),
                Err(error) if is_unique(&error) => Err(Error::NameTaken {
                    what: "base",
                    name: new.name.clone(),
                }),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// All bases, oldest first.
    pub fn bases(&self) -> Result<Vec<Base>> {
        self.read(|db| {
            let is_there = ItemKind::Base.is_there("");
            let mut query = db.prepare_cached(&format!("{SELECT} WHERE {is_there} ORDER BY id"))?;
            readable(query.query_map([], base_row)?)
        })
    }

    /// A base by its name.
    ///
    /// # Errors
    /// [`Error::Missing`], with the names that exist.
    pub fn base(&self, name: &str) -> Result<Base> {
        let all = self.bases()?;
        match all.iter().position(|base| base.name == name) {
            Some(at) => Ok(all[at].clone()),
            None => Err(Error::Missing {
                what: "base",
                name: name.to_owned(),
                there: all.into_iter().map(|base| base.name).collect(),
            }),
        }
    }

    /// A base by its id.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn base_by_id(&self, id: i64) -> Result<Base> {
        self.bases()?
            .into_iter()
            .find(|base| base.id == id)
            .ok_or_else(|| Error::Missing {
                what: "base",
                name: id.to_string(),
                there: Vec::new(),
            })
    }
}
