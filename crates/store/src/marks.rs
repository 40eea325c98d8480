//! Trained on deleted content: which bases, runs, fakes, evaluations and generations have seen a purged text, or were
//! made from something that has.
//!
//! What a tokenizer or a run sees is recorded as ids of pairs ([`Store::base_saw`], [`Store::run_saw`]); a purge looks
//! the ids up. Items from before this record count as having seen their whole split. Marks contain no text, are passed
//! on to everything made from a marked item, then and later, and are only removed with what they mark.

use std::collections::HashSet;

use repartee_datasets::Partition;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::watch::{Family, touch};
use crate::{Result, Store};

/// What a mark is on, in dependency order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Marked {
    /// For its tokenizer.
    Base,
    Run,
    /// A set of fakes.
    Fakes,
    Evaluation,
    /// Candidates for live comments.
    Generation,
}

impl Marked {
    pub const ALL: [Self; 5] = [
        Self::Base,
        Self::Run,
        Self::Fakes,
        Self::Evaluation,
        Self::Generation,
    ];

    /// The name on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Run => "run",
            Self::Fakes => "fakes",
            Self::Evaluation => "evaluation",
            Self::Generation => "generation",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Base => "base_id",
            Self::Run => "run_id",
            Self::Fakes => "fake_set_id",
            Self::Evaluation => "evaluation_id",
            Self::Generation => "generation_id",
        }
    }
}

/// "Trained on deleted content".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub id: i64,
    pub what: Marked,
    pub of: i64,
    /// Evaluations and generations have a number.
    pub name: String,
    /// Deleted pairs that it has seen itself.
    pub pairs: u64,
    /// What it was made from that is marked: base, run or fakes; empty: it has seen the text itself.
    pub via: String,
    /// Why the text is gone: deleted, removed, absent or asked.
    pub why: String,
    /// First mark, milliseconds since 1970.
    pub first_ms: i64,
    /// Last deletion that affects it.
    pub last_ms: i64,
}

/// Ids in ascending order as differences in LEB128: about two bytes each.
pub(crate) fn pack(ids: &[i64]) -> Vec<u8> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut bytes = Vec::with_capacity(2 * ids.len());
    let mut before = i64::MIN;
    for id in ids {
        let mut step = id.wrapping_sub(before) as u64;
        before = id;
        while step >= 0x80 {
            bytes.push(step as u8 | 0x80);
            step >>= 7;
        }
        bytes.push(step as u8);
    }
    bytes
}

pub(crate) fn unpack(bytes: &[u8]) -> Vec<i64> {
    let mut ids = Vec::new();
    let (mut at, mut step, mut shift) = (i64::MIN, 0u64, 0);
    for byte in bytes {
        step |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            at = at.wrapping_add(step as i64);
            ids.push(at);
            (step, shift) = (0, 0);
        }
    }
    ids
}

/// Pairs that lost a text, for [`note`].
#[derive(Debug, Clone, Default)]
pub(crate) struct LostPairs {
    /// Pairs whose comment or reply is gone.
    pub pairs: HashSet<i64>,
    /// Of these, those whose comment is gone: fakes were generated to it.
    pub comments: HashSet<i64>,
    /// Why the first of them is gone.
    pub why: String,
}

/// Marks what has seen these pairs, and everything made from it. Returns the marks that were changed.
pub(crate) fn note(db: &Transaction<'_>, lost: &LostPairs, now_ms: i64) -> Result<Vec<i64>> {
    if lost.pairs.is_empty() {
        return Ok(Vec::new());
    }
    let count = |ids: &[i64]| ids.iter().filter(|id| lost.pairs.contains(id)).count();
    let mut touched: HashSet<i64> = HashSet::new();
    let mut mark = |what: Marked, of: i64, pairs: usize| -> Result<()> {
        if pairs > 0 {
            touched.insert(put(db, what, of, pairs, "", &lost.why, now_ms)?);
        }
        Ok(())
    };
    let mut recorded: HashSet<(bool, i64)> = HashSet::new();
    let mut query = db.prepare("SELECT base_id, run_id, ids FROM seen ORDER BY id")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (base, run): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        let n = count(&unpack(
            row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?,
        ));
        if let Some(base) = base {
            recorded.insert((true, base));
            mark(Marked::Base, base, n)?;
        }
        if let Some(run) = run {
            recorded.insert((false, run));
            mark(Marked::Run, run, n)?;
        }
    }
    // made before the record: the whole split, or, for a tokenizer, all pairs
    let on_split =
        "SELECT count(*) FROM split_pair WHERE split_id = ?1 AND side IN (0, ?2) AND pair_id = ?3";
    let mut held = db.prepare(on_split)?;
    let mut of_split = |split: i64, last_partition: i64| -> Result<usize> {
        let mut n = 0;
        for pair in &lost.pairs {
            n += held.query_row([split, last_partition, *pair], |row| row.get::<_, i64>(0))?;
        }
        Ok(n as usize)
    };
    for (id, split) in ids(db, "SELECT id, split_id FROM run")? {
        if !recorded.contains(&(false, id)) {
            mark(Marked::Run, id, of_split(split, 1)?)?;
        }
    }
    let own = "SELECT id, coalesce((SELECT id FROM split
                       WHERE base.origin GLOB '*tokenizer of the train side of split ' || name
                          OR base.origin GLOB '*tokenizer of the training set of split ' || name), 0)
               FROM base WHERE origin GLOB '*tokenizer of the *'
                 AND origin NOT GLOB '*the tokenizer of *'";
    for (id, split) in ids(db, own)? {
        if !recorded.contains(&(true, id)) {
            let n = match split {
                0 => lost.pairs.len(),
                split => of_split(split, 0)?,
            };
            mark(Marked::Base, id, n)?;
        }
    }
    let mut written = db.prepare(
        "SELECT fake_set_id, count(*) FROM fake WHERE pair_id = ?1 GROUP BY fake_set_id",
    )?;
    for pair in &lost.comments {
        let sets: Vec<(i64, i64)> = written
            .query_map([pair], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (set, _) in sets {
            mark(Marked::Fakes, set, 1)?;
        }
    }
    let mut measured = db.prepare(
        "SELECT p.evaluation_id, coalesce(p.pair_id, f.pair_id), p.pair_id IS NULL FROM prediction p
                LEFT JOIN fake f ON f.id = p.fake_id",
    )?;
    let mut rows = measured.query([])?;
    let mut of_evaluation: std::collections::BTreeMap<i64, usize> = Default::default();
    while let Some(row) = rows.next()? {
        let (evaluation, pair, fake): (i64, Option<i64>, bool) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let gone = if fake { &lost.comments } else { &lost.pairs };
        if pair.is_some_and(|pair| gone.contains(&pair)) {
            *of_evaluation.entry(evaluation).or_default() += 1;
        }
    }
    for (evaluation, pairs) in of_evaluation {
        mark(Marked::Evaluation, evaluation, pairs)?;
    }
    touched.extend(inherit(db)?);
    let mut touched: Vec<i64> = touched.into_iter().collect();
    touched.sort_unstable();
    for family in [
        Family::Bases,
        Family::Runs,
        Family::Fakes,
        Family::Evaluations,
    ] {
        touch(db, family)?;
    }
    Ok(touched)
}

fn ids(db: &Connection, sql: &str) -> Result<Vec<(i64, i64)>> {
    let mut query = db.prepare(sql)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Adds or renews a mark; returns its id.
fn put(
    db: &Connection,
    what: Marked,
    of: i64,
    pairs: usize,
    via: &str,
    why: &str,
    now_ms: i64,
) -> Result<i64> {
    let column = what.column();
    let sql = format!(
        "INSERT INTO deleted_content ({column}, pairs, via, why, first_ms, last_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT ({column}) DO UPDATE SET pairs = deleted_content.pairs + excluded.pairs, last_ms = excluded.last_ms,
           via = iif(excluded.via = '', '', via)
         RETURNING id"
    );
    Ok(db
        .prepare_cached(&sql)?
        .query_row(params![of, pairs as i64, via, why, now_ms], |row| {
            row.get(0)
        })?)
}

/// What is made from a marked item is marked: one step per kind, until nothing is new.
const STEPS: [(Marked, &str, &str); 7] = [
    (
        Marked::Run,
        "base",
        "SELECT r.id, m.why, m.last_ms FROM deleted_content m JOIN run r ON r.base_id = m.base_id",
    ),
    (
        Marked::Fakes,
        "run",
        "SELECT f.id, m.why, m.last_ms FROM deleted_content m JOIN checkpoint k ON k.run_id = m.run_id
                JOIN fake_set f ON f.checkpoint_id = k.id",
    ),
    (
        Marked::Run,
        "fakes",
        "SELECT s.run_id, m.why, m.last_ms FROM deleted_content m JOIN seen s ON s.fake_set_id = m.fake_set_id
         WHERE s.run_id IS NOT NULL",
    ),
    (
        Marked::Run,
        "fakes",
        "SELECT r.id, m.why, m.last_ms FROM deleted_content m JOIN fake_set f ON f.id = m.fake_set_id
                JOIN run r ON r.kind = 'realism' AND json_valid(r.facts)
                          AND json_extract(r.facts, '$.fakes') = f.name",
    ),
    (
        Marked::Evaluation,
        "run",
        "SELECT e.id, m.why, m.last_ms FROM deleted_content m JOIN checkpoint k ON k.run_id = m.run_id
                JOIN evaluation e ON e.checkpoint_id = k.id",
    ),
    (
        Marked::Evaluation,
        "fakes",
        "SELECT e.id, m.why, m.last_ms FROM deleted_content m JOIN evaluation e ON e.fake_set_id = m.fake_set_id",
    ),
    (
        Marked::Generation,
        "run",
        "SELECT g.id, m.why, m.last_ms FROM deleted_content m JOIN checkpoint k ON k.run_id = m.run_id
                JOIN generation g ON k.id IN (g.generator, g.realism, g.upvotes)",
    ),
];

/// Passes marks on to what was made from marked items. Returns the new ones.
pub(crate) fn inherit(db: &Connection) -> Result<Vec<i64>> {
    let mut new = Vec::new();
    let any: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM deleted_content)")?
        .query_row([], |row| row.get(0))?;
    if !any {
        return Ok(new);
    }
    loop {
        let before = new.len();
        for (what, via, sql) in STEPS {
            let column = what.column();
            // each step's first column is the affected row
            let sql = format!(
                "WITH x (id, why, last_ms) AS ({sql})
                 SELECT * FROM x WHERE NOT EXISTS (SELECT 1 FROM deleted_content n WHERE n.{column} = x.id)"
            );
            let mut query = db.prepare_cached(&sql)?;
            let found: Vec<(i64, String, i64)> = query
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, _>>()?;
            for (of, why, at_ms) in found {
                new.push(put(db, what, of, 0, via, &why, at_ms)?);
            }
        }
        if new.len() == before {
            new.sort_unstable();
            new.dedup();
            return Ok(new);
        }
    }
}

/// Marks what read these pairs before some of them were purged, and was stored after that; and passes marks on.
fn mark_if_lost(db: &Connection, what: Marked, of: i64, pairs: &[i64]) -> Result<()> {
    let any: bool = db.query_row("SELECT EXISTS (SELECT 1 FROM purged)", [], |row| row.get(0))?;
    let mut lost = 0;
    if any {
        let mut is_lost = db.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM pair p JOIN comment r ON r.id = p.id
                                     JOIN comment c ON c.id = p.comment_id
                            WHERE p.id = ?1 AND (c.body = '[deleted]' OR r.body = '[deleted]'))",
        )?;
        for pair in pairs {
            lost += usize::from(is_lost.query_row([pair], |row| row.get::<_, bool>(0))?);
        }
    }
    if lost > 0 {
        put(db, what, of, lost, "", "deleted", crate::now_ms())?;
    }
    inherit(db)?;
    Ok(())
}

impl Store {
    /// Records the pairs whose texts a base's tokenizer was trained on.
    pub fn base_saw(&self, base_id: i64, pairs: &[i64]) -> Result<()> {
        self.write(Family::Bases, |db| {
            db.execute(
                "INSERT OR REPLACE INTO seen (base_id, side, ids) VALUES (?1, 0, ?2)",
                params![base_id, pack(pairs)],
            )?;
            mark_if_lost(db, Marked::Base, base_id, pairs)
        })
    }

    /// Whether a base's tokenizer was trained on text of these sources, or on text that is no longer in the project;
    /// `None`: what it saw is not recorded.
    pub fn base_saw_any(&self, base_id: i64, sources: &[i64]) -> Result<Option<bool>> {
        self.read(|db| {
            let seen = db
                .prepare_cached("SELECT ids FROM seen WHERE base_id = ?1")?
                .query_row([base_id], |row| row.get::<_, Vec<u8>>(0))
                .optional()?;
            let Some(seen) = seen else { return Ok(None) };
            let mut source_of = db.prepare_cached(
                "SELECT r.source_id, c.source_id FROM comment r
                 LEFT JOIN pair p ON p.id = r.id LEFT JOIN comment c ON c.id = p.comment_id WHERE r.id = ?1",
            )?;
            for pair in unpack(&seen) {
                let found: Option<(i64, Option<i64>)> = source_of
                    .query_row([pair], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                let is_one = |source: i64| sources.contains(&source);
                if found.is_none_or(|(reply, comment)| is_one(reply) || comment.is_some_and(is_one))
                {
                    return Ok(Some(true));
                }
            }
            Ok(Some(false))
        })
    }

    /// Marks a base explicitly: it was imported with the note that it was trained on deleted content.
    pub fn base_mark(&self, base_id: i64, why: &str, now_ms: i64) -> Result<()> {
        self.write(Family::Bases, |db| {
            put(db, Marked::Base, base_id, 0, "", why, now_ms)?;
            Ok(())
        })
    }

    /// Records the pairs whose texts a run sees of a partition, and the fakes that it is trained on.
    pub fn run_saw(
        &self,
        run_id: i64,
        partition: Partition,
        pairs: &[i64],
        fake_set_id: Option<i64>,
    ) -> Result<()> {
        self.write(Family::Runs, |db| {
            db.execute(
                "INSERT OR REPLACE INTO seen (run_id, side, fake_set_id, ids) VALUES (?1, ?2, ?3, ?4)",
                params![run_id, partition as i64, fake_set_id, pack(pairs)],
            )?;
            mark_if_lost(db, Marked::Run, run_id, pairs)
        })
    }

    /// All marks, in dependency order.
    pub fn marks(&self) -> Result<Vec<Mark>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT m.id, m.base_id, m.run_id, m.fake_set_id, m.evaluation_id, m.generation_id, m.pairs,
                        m.via, m.why, m.first_ms, m.last_ms,
                        coalesce(b.name, r.name, f.name, CAST(m.evaluation_id AS TEXT),
                                 CAST(m.generation_id AS TEXT), ''),
                        CASE WHEN m.base_id IS NOT NULL THEN 0 WHEN r.kind = 'generator' THEN 1
                             WHEN m.fake_set_id IS NOT NULL THEN 2 WHEN m.run_id IS NOT NULL THEN 3
                             WHEN m.evaluation_id IS NOT NULL THEN 4 ELSE 5 END AS place
                 FROM deleted_content m LEFT JOIN base b ON b.id = m.base_id LEFT JOIN run r ON r.id = m.run_id
                      LEFT JOIN fake_set f ON f.id = m.fake_set_id
                 ORDER BY place, m.id",
            )?;
            let rows = query.query_map([], |row| {
                let mut found = None;
                for (at, what) in (1..).zip(Marked::ALL) {
                    if let Some(of) = row.get::<_, Option<i64>>(at)? {
                        found = Some((what, of));
                    }
                }
                // the table allows exactly one
                let (what, of) = found.unwrap_or((Marked::Base, 0));
                Ok(Mark {
                    id: row.get(0)?,
                    what,
                    of,
                    pairs: row.get::<_, i64>(6)?.unsigned_abs(),
                    via: row.get(7)?,
                    why: row.get(8)?,
                    first_ms: row.get(9)?,
                    last_ms: row.get(10)?,
                    name: row.get(11)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The mark on one thing, if it has one.
    pub fn is_marked(&self, what: Marked, of: i64) -> Result<bool> {
        self.read(|db| {
            let sql = format!("SELECT 1 FROM deleted_content WHERE {} = ?1", what.column());
            Ok(db
                .prepare_cached(&sql)?
                .query_row([of], |_| Ok(()))
                .optional()?
                .is_some())
        })
    }

    /// The pairs of a partition that lost a text to deletion.
    pub fn split_lost(&self, split_id: i64, partition: Partition) -> Result<Vec<i64>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT p.id FROM split_pair s CROSS JOIN pair p ON p.id = s.pair_id
                      CROSS JOIN comment r ON r.id = p.id CROSS JOIN comment c ON c.id = p.comment_id
                 WHERE s.split_id = ?1 AND s.side = ?2 AND (c.body = '[deleted]' OR r.body = '[deleted]')
                 ORDER BY p.id",
            )?;
            let rows = query.query_map(params![split_id, partition as i64], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn packed_ids_round_trip() {
        for ids in [
            vec![],
            vec![0],
            vec![i64::MIN, -5, -1, 0, 1, 127, 128, 300, i64::MAX],
            (0..1000).map(|n| n * n).collect(),
        ] {
            assert_eq!(unpack(&pack(&ids)), ids);
        }
        assert_eq!(unpack(&pack(&[7, 3, 7])), [3, 7]);
        assert!(pack(&(0..1000).collect::<Vec<_>>()).len() < 1_020);
    }
}
