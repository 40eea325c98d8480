//! Content-addressed bytes: tensors and files under the hash of their content, in chunks.
//!
//! Equal tensors are stored once. Each chunk is a transaction of its own, so that storing a gigabyte does not keep
//! other processes waiting; a [`Stored`] part is bound to a bundle in one last, small transaction, together with the
//! row that the bundle belongs to (a base, a checkpoint). What a killed process left without a bundle is completed by
//! the next writer of the same bytes, or removed by [`Store::compact`].

use rusqlite::{Connection, OptionalExtension, params};

use crate::watch::Family;
use crate::{Error, Result, Store};

/// Bytes per chunk. Up to 64 MiB would stay far below SQLite's limit of 1 GB per value; it is this much smaller because
/// a chunk is a write transaction: 4 MiB take about 10 ms.
pub const CHUNK: usize = 4 << 20;

/// blake3 of a blob's bytes.
pub type Hash = [u8; 32];

/// A tensor or a file to store.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Hugging Face name of the tensor, or file name.
    pub name: &'a str,
    /// f32, f16, bf16, i64, u32; `None`: a file.
    pub dtype: Option<&'a str>,
    /// `None`: a file.
    pub shape: Option<&'a [usize]>,
    /// Little-endian values in row-major order, or the file's bytes.
    pub bytes: &'a [u8],
}

/// A tensor or a file whose bytes are in the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Hugging Face name of the tensor, or file name.
    pub name: String,
    /// f32, f16, bf16, i64, u32; `None`: a file.
    pub dtype: Option<String>,
    /// `None`: a file.
    pub shape: Option<Vec<usize>>,
    /// blake3 of the bytes.
    pub hash: Hash,
    pub bytes: u64,
}

/// How much of a blob is stored.
enum State {
    Whole,
    Partly,
    Absent,
}

fn state(db: &Connection, hash: &Hash) -> Result<State> {
    let sql =
        "SELECT b.bytes, (SELECT coalesce(sum(length(data)), 0) FROM chunk WHERE hash = b.hash)
               FROM blob b WHERE b.hash = ?1";
    let found: Option<(i64, i64)> = db
        .prepare_cached(sql)?
        .query_row([&hash[..]], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        None => State::Absent,
        Some((bytes, here)) if bytes == here => State::Whole,
        Some(_) => State::Partly,
    })
}

/// Binds stored parts to a new bundle and returns its id.
///
/// # Errors
/// [`Error::Collected`] if one of them was removed since it was put.
pub(crate) fn bind(db: &Connection, parts: &[Stored]) -> Result<i64> {
    db.execute("INSERT INTO bundle DEFAULT VALUES", [])?;
    let id = db.last_insert_rowid();
    let mut insert = db.prepare_cached(
        "INSERT INTO bundle_part (bundle_id, name, dtype, shape, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for part in parts {
        if !matches!(state(db, &part.hash)?, State::Whole) {
            return Err(Error::Collected(part.name.clone()));
        }
        let shape = part.shape.as_ref().map(|shape| format!("{shape:?}"));
        insert.execute(params![id, part.name, part.dtype, shape, &part.hash[..]])?;
    }
    Ok(id)
}

/// Removes a bundle's row and parts; its blobs are removed later ([`Store::collect`]).
pub(crate) fn unbind(db: &Connection, bundle_id: i64) -> Result<()> {
    db.execute("DELETE FROM bundle WHERE id = ?1", [bundle_id])?;
    Ok(())
}

/// The hashes of a bundle's blobs.
pub(crate) fn hashes(db: &Connection, bundle_id: i64) -> Result<Vec<Hash>> {
    let mut query = db.prepare_cached("SELECT hash FROM bundle_part WHERE bundle_id = ?1")?;
    let rows = query.query_map([bundle_id], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Store {
    /// Stores the bytes of a part, unless they already exist. The part is unbound: pass the result to
    /// [`Store::base_insert`] or [`Store::checkpoint_save`].
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn put(&self, part: &Part<'_>) -> Result<Stored> {
        let hash = *blake3::hash(part.bytes).as_bytes();
        let stored = Stored {
            name: part.name.to_owned(),
            dtype: part.dtype.map(str::to_owned),
            shape: part.shape.map(<[usize]>::to_vec),
            hash,
            bytes: part.bytes.len() as u64,
        };
        match self.read(|db| state(db, &hash))? {
            State::Whole => return Ok(stored),
            State::Partly => {}
            State::Absent => self.write(Family::Bases, |db| {
                let sql = "INSERT INTO blob (hash, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                db.execute(sql, params![&hash[..], part.bytes.len() as i64])?;
                Ok(())
            })?,
        }
        for (seq, chunk) in part.bytes.chunks(CHUNK).enumerate() {
            self.write(Family::Bases, |db| {
                // removed between two chunks: start again with what is left, `bind` finds the gap
                let sql = "INSERT INTO blob (hash, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                db.prepare_cached(sql)?
                    .execute(params![&hash[..], part.bytes.len() as i64])?;
                let sql = "INSERT INTO chunk (hash, seq, data) VALUES (?1, ?2, ?3)
                           ON CONFLICT (hash, seq) DO NOTHING";
                db.prepare_cached(sql)?
                    .execute(params![&hash[..], seq as i64, chunk])?;
                Ok(())
            })?;
        }
        Ok(stored)
    }

    /// The parts of a bundle, by name.
    pub fn bundle(&self, bundle_id: i64) -> Result<Vec<Stored>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT p.name, p.dtype, p.shape, p.hash, b.bytes
                 FROM bundle_part p JOIN blob b ON b.hash = p.hash
                 WHERE p.bundle_id = ?1 ORDER BY p.name",
            )?;
            let rows = query.query_map([bundle_id], |row| {
                let shape: Option<String> = row.get(2)?;
                Ok(Stored {
                    name: row.get(0)?,
                    dtype: row.get(1)?,
                    shape: shape.as_deref().map(numbers),
                    hash: row.get(3)?,
                    bytes: row.get::<_, i64>(4)?.unsigned_abs(),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The bytes of a stored part, checked against their hash.
    ///
    /// # Errors
    /// [`Error::Damaged`] if they differ from what was stored.
    pub fn bytes(&self, part: &Stored) -> Result<Vec<u8>> {
        let data = self.read(|db| blob(db, &part.hash, part.bytes))?;
        if *blake3::hash(&data).as_bytes() != part.hash {
            return Err(Error::Damaged(format!(
                "the bytes of {} differ from those stored ({} of {})",
                part.name,
                data.len(),
                part.bytes
            )));
        }
        Ok(data)
    }

    /// The bytes of one part of a bundle by its name; `None`: the bundle has no such part.
    ///
    /// # Errors
    /// As [`Store::bytes`].
    pub fn bundle_bytes(&self, bundle_id: i64, name: &str) -> Result<Option<Vec<u8>>> {
        let part = self
            .bundle(bundle_id)?
            .into_iter()
            .find(|part| part.name == name);
        part.map(|part| self.bytes(&part)).transpose()
    }

    /// Removes those of these blobs that no bundle uses any more, a chunk at a time. Returns the number of bytes freed.
    pub(crate) fn collect(&self, hashes: &[Hash]) -> Result<u64> {
        const UNUSED: &str = "NOT EXISTS (SELECT 1 FROM bundle_part WHERE hash = ?1)";
        let mut freed = 0;
        for hash in hashes {
            loop {
                let cut = self.write(Family::Bases, |db| {
                    // weights are nobody's text: overwriting a gigabyte with zeros is not worth it
                    db.execute_batch("PRAGMA secure_delete = FAST")?;
                    let sql = format!(
                        "DELETE FROM chunk WHERE id = (SELECT id FROM chunk WHERE hash = ?1 LIMIT 1)
                           AND {UNUSED} RETURNING length(data)"
                    );
                    let cut: Option<i64> = db
                        .prepare_cached(&sql)?
                        .query_row([&hash[..]], |row| row.get(0))
                        .optional()?;
                    if cut.is_none() {
                        let sql = format!("DELETE FROM blob WHERE hash = ?1 AND {UNUSED}");
                        db.prepare_cached(&sql)?.execute([&hash[..]])?;
                    }
                    db.execute_batch("PRAGMA secure_delete = ON")?;
                    Ok(cut)
                })?;
                match cut {
                    Some(bytes) => freed += bytes.unsigned_abs(),
                    None => break,
                }
            }
        }
        Ok(freed)
    }
}

/// A blob's chunks, one after the other.
pub(crate) fn blob(db: &Connection, hash: &Hash, bytes: u64) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    // a damaged length must not allocate more memory than exists
    data.try_reserve_exact(usize::try_from(bytes).unwrap_or(usize::MAX))
        .map_err(|_| Error::Damaged(format!("a blob claims {bytes} bytes")))?;
    let mut query = db.prepare_cached("SELECT data FROM chunk WHERE hash = ?1 ORDER BY seq")?;
    let mut rows = query.query([&hash[..]])?;
    while let Some(row) = rows.next()? {
        data.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(data)
}

/// Reads `[768, 2304]`; anything else reads as no dimensions, which match no tensor's bytes.
fn numbers(json: &str) -> Vec<usize> {
    serde_json::from_str(json).unwrap_or_default()
}
