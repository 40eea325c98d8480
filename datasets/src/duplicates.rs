//! Equal and nearly equal texts, and posts that came from several sources: what a split keeps together or leaves out,
//! and what its audit checks.
//!
//! Two texts are equal when their words are: Unicode compatibility form (NFKC), lower case, letters and digits only; a
//! text without any (":)") is compared as it is, without white space. Texts of at least [`Near::min_words`] words are
//! also compared by their shingles (see [`near`]); two characters of a script without spaces count as a word.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use crate::clean::{is_notice, is_unknown_author};
use crate::near::{self, Near};
use crate::source::Partition;

/// The number of a text that is not compared: it was deleted, and no model sees it.
pub const DELETED: u32 = u32::MAX;

/// Threads that share at least this many long texts are one post from several sources.
const ONE_POST: u32 = 3;

/// Up to this many threads with a text in common, every two of them are counted.
const FEW: usize = 10;

/// The text in the form in which it is compared; equal texts give the same string.
pub fn normalized(text: &str) -> String {
    let words = near::words(text);
    if words.is_empty() {
        return text
            .nfkc()
            .flat_map(char::to_lowercase)
            .filter(|c| !c.is_whitespace())
            .collect();
    }
    words.join(" ")
}

fn hash(parts: &[&str]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(first)
}

/// Numbers texts: equal ones get the same number. A text is represented by 128 bits of blake3, so two different texts
/// practically never collide.
#[derive(Debug)]
pub struct Texts {
    near: Near,
    numbers: HashMap<u128, u32>,
    /// Texts with enough words for shingles: number and text.
    long: Vec<(u32, String)>,
}

impl Texts {
    pub fn new(near: Near) -> Self {
        Self {
            near,
            numbers: HashMap::new(),
            long: Vec::new(),
        }
    }

    /// The number of a text; [`DELETED`] for one that was deleted or removed.
    pub fn number(&mut self, text: &str) -> u32 {
        if is_notice(text) {
            return DELETED;
        }
        let text = normalized(text);
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(hash(&[&text])).or_insert(next);
        if number == next && near::is_long(&text, &self.near) {
            self.long.push((number, text));
        }
        number
    }

    /// Number of different texts so far.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Compares the long texts with each other.
    pub fn compare(self) -> Alike {
        let mut same: Vec<u32> = (0..self.numbers.len() as u32).collect();
        let mut is_long = vec![false; same.len()];
        let texts: Vec<&str> = self.long.iter().map(|(_, text)| text.as_str()).collect();
        for (number, _) in &self.long {
            is_long[*number as usize] = true;
        }
        let mut near = Vec::new();
        for near_pair in near::find(&texts, &self.near) {
            let (a, b) = (self.long[near_pair.a].0, self.long[near_pair.b].0);
            // Texts with equal shingles come as a star around the first; only that one is compared with others. Treated
            // as one text, they are compared completely.
            match near_pair.similarity == 1.0 {
                true => same[b as usize] = a,
                false => near.push((a, b, near_pair.similarity)),
            }
        }
        Alike {
            same,
            is_long,
            near,
        }
    }
}

/// Which texts are duplicates, by their numbers.
#[derive(Debug, Default)]
pub struct Alike {
    same: Vec<u32>,
    is_long: Vec<bool>,
    /// Near-duplicates that are not equal: two numbers and the similarity.
    pub near: Vec<(u32, u32, f64)>,
}

impl Alike {
    /// The number that texts with the same shingles share; `None`: the text was deleted.
    pub fn text(&self, number: u32) -> Option<usize> {
        self.same.get(number as usize).map(|&n| n as usize)
    }
}

/// A pair as far as duplicates are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub pair: i64,
    /// Its thread: any number below the number of threads.
    pub thread: usize,
    /// The numbers of comment and reply; see [`Texts::number`].
    pub texts: [u32; 2],
}

impl Member {
    fn texts<'a>(&'a self, alike: &'a Alike) -> impl Iterator<Item = usize> + 'a {
        self.texts.iter().filter_map(|&n| alike.text(n))
    }
}

/// Threads in groups that no split divides.
#[derive(Debug, Default)]
pub struct Groups {
    /// The group of each thread: the number of one of its threads.
    pub of: Vec<usize>,
    /// Threads merged into another because they are the same post.
    pub by_post: u64,
    /// Threads merged into another because they share a long text.
    pub by_text: u64,
}

/// Joins threads that belong together: `same` lists those of one post. Threads that share three or more long texts are
/// one post, too. Those that share one or two are joined as long as their group has at most `cap` pairs: a notice under
/// every tenth post would make one group of everything. [`left_out`] handles what is not joined.
pub fn group(
    members: &[Member],
    threads: usize,
    alike: &Alike,
    same: &[(usize, usize)],
    cap: u64,
) -> Groups {
    let mut sizes = vec![0u64; threads];
    let mut seen: Vec<(usize, u32)> = Vec::new(); // long text, thread
    for member in members {
        sizes[member.thread] += 1;
        for text in member.texts(alike).filter(|&text| alike.is_long[text]) {
            seen.push((text, member.thread as u32));
        }
    }
    seen.sort_unstable();
    seen.dedup();
    let mut shared: HashMap<(u32, u32), u32> = HashMap::new();
    let mut share = |a: u32, b: u32| {
        if a != b {
            *shared.entry((a.min(b), a.max(b))).or_default() += 1;
        }
    };
    for of_text in seen.chunk_by(|a, b| a.0 == b.0) {
        let others = if of_text.len() > FEW {
            1
        } else {
            of_text.len()
        };
        for (n, (_, a)) in of_text[..others].iter().enumerate() {
            of_text[n + 1..].iter().for_each(|(_, b)| share(*a, *b));
        }
    }
    let threads_of = |text: u32| {
        let text = alike.text(text).unwrap_or(usize::MAX);
        let from = seen.partition_point(|(t, _)| *t < text);
        seen[from..].iter().take_while(move |(t, _)| *t == text)
    };
    for (a, b, _) in &alike.near {
        for (_, x) in threads_of(*a).take(FEW) {
            threads_of(*b).take(FEW).for_each(|(_, y)| share(*x, *y));
        }
    }
    let mut links: Vec<(u32, u32, u32)> = shared.into_iter().map(|((a, b), n)| (n, a, b)).collect();
    links.sort_unstable_by_key(|&(n, a, b)| (std::cmp::Reverse(n), a, b));

    let mut join = Join {
        parent: (0..threads).collect(),
        sizes,
    };
    let mut groups = Groups::default();
    for &(a, b) in same {
        groups.by_post += u64::from(join.join(a, b, u64::MAX));
    }
    for (n, a, b) in links {
        let most = if n >= ONE_POST { u64::MAX } else { cap };
        groups.by_text += u64::from(join.join(a as usize, b as usize, most));
    }
    groups.of = (0..threads).map(|thread| join.root(thread)).collect();
    groups
}

/// Union-find with path halving.
struct Join {
    parent: Vec<usize>,
    sizes: Vec<u64>,
}

impl Join {
    fn root(&mut self, mut n: usize) -> usize {
        while self.parent[n] != n {
            self.parent[n] = self.parent[self.parent[n]];
            n = self.parent[n];
        }
        n
    }

    /// Whether two groups were merged into one of at most `most` pairs.
    fn join(&mut self, a: usize, b: usize, most: u64) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        let together = self.sizes[a] + self.sizes[b];
        if a == b || together > most {
            return false;
        }
        let (first, second) = (a.min(b), a.max(b));
        self.parent[second] = first;
        self.sizes[first] = together;
        true
    }
}

/// Pairs to leave out so that no text, and no near-duplicate of it, is in two partitions: from validation and test what
/// is in train, then from validation what is in test. True: leave out.
pub fn left_out(members: &[Member], partitions: &[Partition], alike: &Alike) -> Vec<bool> {
    let mut out = vec![false; members.len()];
    for (kept, from) in [
        (Partition::Train, &[Partition::Val, Partition::Test][..]),
        (Partition::Test, &[Partition::Val][..]),
    ] {
        let mut there = vec![false; alike.same.len()];
        for (n, member) in members.iter().enumerate() {
            if partitions[n] == kept && !out[n] {
                member.texts(alike).for_each(|text| there[text] = true);
            }
        }
        let mut alike_there = there.clone();
        for &(a, b, _) in &alike.near {
            if let (Some(a), Some(b)) = (alike.text(a), alike.text(b)) {
                alike_there[a] |= there[b];
                alike_there[b] |= there[a];
            }
        }
        for (n, member) in members.iter().enumerate() {
            if from.contains(&partitions[n]) && member.texts(alike).any(|text| alike_there[text]) {
                out[n] = true;
            }
        }
    }
    out
}

/// What is in more than one partition of a split.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leaks {
    /// Threads with pairs in more than one partition.
    pub threads: Vec<usize>,
    /// Two threads of one post, in two partitions.
    pub posts: Vec<(usize, usize)>,
    /// Two pairs in two partitions with the same comment and the same reply; each such pair of texts once.
    pub pairs: Vec<(i64, i64)>,
    /// Two pairs in two partitions with a text in common; each such text once.
    pub texts: Vec<(i64, i64)>,
    /// Two pairs in two partitions with nearly the same text, and the similarity.
    pub near: Vec<(i64, i64, f64)>,
}

impl Leaks {
    /// Whether nothing leaks.
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

/// The first pair of each partition.
type Firsts = [Option<i64>; 3];

/// The first pairs of two partitions, if there is a pair in two.
fn two(firsts: &Firsts) -> Option<(i64, i64)> {
    let mut there = firsts.iter().flatten();
    Some((*there.next()?, *there.next()?))
}

/// Finds what is in two partitions: threads, posts (`same`: threads of one post), pairs, texts and near-duplicates. It
/// assumes nothing, not even that a comment with several replies is in one partition.
pub fn audit(
    members: &[Member],
    partitions: &[Partition],
    threads: usize,
    same: &[(usize, usize)],
    alike: &Alike,
) -> Leaks {
    let mut leaks = Leaks::default();
    let mut of_thread: Vec<Firsts> = vec![[None; 3]; threads];
    let mut of_text: Vec<Firsts> = vec![[None; 3]; alike.same.len()];
    let mut of_pair: HashMap<[usize; 2], Firsts> = HashMap::new();
    for (member, partition) in members.iter().zip(partitions) {
        let at = *partition as usize;
        let note = |firsts: &mut Firsts| {
            firsts[at].get_or_insert(member.pair);
        };
        note(&mut of_thread[member.thread]);
        member
            .texts(alike)
            .for_each(|text| note(&mut of_text[text]));
        if let [Some(comment), Some(reply)] = member.texts.map(|n| alike.text(n)) {
            note(of_pair.entry([comment, reply]).or_default());
        }
    }
    leaks.threads = (0..threads)
        .filter(|&thread| two(&of_thread[thread]).is_some())
        .collect();
    for &(a, b) in same {
        let both: Firsts = [0, 1, 2].map(|s| of_thread[a][s].or(of_thread[b][s]));
        if two(&both).is_some() {
            leaks.posts.push((a, b));
        }
    }
    leaks.pairs = of_pair.values().filter_map(two).collect();
    leaks.pairs.sort_unstable();
    leaks.texts = of_text.iter().filter_map(two).collect();
    for &(a, b, similarity) in &alike.near {
        let (Some(a), Some(b)) = (alike.text(a), alike.text(b)) else {
            continue;
        };
        let across = (0..3)
            .flat_map(|x| (0..3).map(move |y| (x, y)))
            .filter(|(x, y)| x != y)
            .find_map(|(x, y)| Some((of_text[a][x]?, of_text[b][y]?)));
        leaks.near.extend(across.map(|(x, y)| (x, y, similarity)));
    }
    leaks
}

/// What identifies a post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostKey {
    /// Negative: a hash of its content.
    pub id: i64,
    pub subreddit: String,
    /// `None`: unknown.
    pub author: Option<String>,
    /// The BigQuery tables have the text here.
    pub title: String,
    pub selftext: String,
    /// `None`: unknown.
    pub score: Option<i64>,
}

/// Posts that are the same, as positions in the list. A post without a Reddit id equals another of its subreddit and
/// author (or one whose author is not known) with the same title or text; without either, with the same score. Two
/// posts with Reddit ids are two.
pub fn same_posts(posts: &[PostKey]) -> Vec<(usize, usize)> {
    let author = |post: &PostKey| {
        let known = post.author.as_deref().filter(|a| !is_unknown_author(a));
        known.map(str::to_lowercase)
    };
    let mut by_key: HashMap<u128, Vec<usize>> = HashMap::new();
    for (n, post) in posts.iter().enumerate() {
        let subreddit = post.subreddit.to_lowercase();
        for text in [&post.title, &post.selftext] {
            if !text.is_empty() && crate::clean::notice(text).is_none() {
                let key = hash(&["text", &subreddit, &normalized(text)]);
                by_key.entry(key).or_default().push(n);
            }
        }
        if let (Some(author), Some(score)) = (author(post), post.score) {
            let key = hash(&["score", &subreddit, &author, &score.to_string()]);
            // only those that nothing else distinguishes are compared here
            let is_bare = post.id < 0 && post.title.is_empty();
            if is_bare || post.id >= 0 {
                by_key.entry(key).or_default().push(n);
            }
        }
    }
    let mut same = Vec::new();
    for bucket in by_key.into_values() {
        // the first post of each author that a post without an id matches; `None`: any author
        let mut firsts: HashMap<Option<String>, usize> = HashMap::new();
        for &n in bucket.iter().filter(|&&n| posts[n].id < 0) {
            firsts.entry(author(&posts[n])).or_insert(n);
        }
        let anybody = firsts.get(&None).copied();
        for &n in &bucket {
            let of = author(&posts[n]);
            let with = match (&of, anybody) {
                (_, Some(first)) => vec![first],
                (Some(_), None) => firsts.get(&of).copied().into_iter().collect(),
                (None, None) => firsts.values().copied().collect(),
            };
            same.extend(
                with.into_iter()
                    .filter(|&m| m != n)
                    .map(|m| (m.min(n), m.max(n))),
            );
        }
    }
    same.sort_unstable();
    same.dedup();
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(pairs: &[(usize, &str, &str)], near: Near) -> (Vec<Member>, Alike) {
        let mut texts = Texts::new(near);
        let members = pairs
            .iter()
            .enumerate()
            .map(|(n, (thread, comment, reply))| Member {
                pair: n as i64,
                thread: *thread,
                texts: [texts.number(comment), texts.number(reply)],
            })
            .collect();
        (members, texts.compare())
    }

    #[test]
    fn texts_are_compared_without_case_punctuation_and_spaces() {
        assert_eq!(normalized(" Thanks, a lot!\n"), normalized("thanks a  LOT"));
        assert_eq!(normalized("ﬁne"), "fine");
        assert_eq!(normalized(" : ) "), ":)");
        assert_ne!(normalized(":)"), normalized(":("));
        assert_ne!(normalized("no"), normalized("not"));
    }

    #[test]
    fn short_texts_in_two_partitions_are_leaks_and_left_out() {
        let (members, alike) = members(
            &[
                (0, "what is this", "Thanks!"),
                (1, "who knows", "thanks"),
                (2, "What is this?", "thanks"),
                (3, "[deleted]", "never"),
                (4, "[deleted]", "ever"),
            ],
            Near::default(),
        );
        let partitions = [
            Partition::Train,
            Partition::Val,
            Partition::Test,
            Partition::Train,
            Partition::Test,
        ];
        let leaks = audit(&members, &partitions, 5, &[], &alike);
        assert_eq!(leaks.pairs, [(0, 2)], "{leaks:?}");
        assert_eq!(leaks.texts, [(0, 2), (0, 1)], "{leaks:?}");
        assert!(leaks.threads.is_empty() && leaks.near.is_empty());
        let out = left_out(&members, &partitions, &alike);
        assert_eq!(out, [false, true, true, false, false]);
    }

    #[test]
    fn an_audit_names_threads_posts_and_near_duplicates() {
        let long = "the quick brown fox jumps over the lazy dog near the river bank today";
        let other = long.replace("today", "tonight");
        let (members, alike) = members(
            &[
                (0, long, "a"),
                (0, "b", "c"),
                (1, "d", &other),
                (2, "e", "f"),
            ],
            Near::default(),
        );
        let partitions = [
            Partition::Train,
            Partition::Test,
            Partition::Val,
            Partition::Train,
        ];
        let leaks = audit(&members, &partitions, 3, &[(1, 2)], &alike);
        assert_eq!(leaks.threads, [0]);
        assert_eq!(leaks.posts, [(1, 2)]);
        assert_eq!(leaks.near.len(), 1);
        assert_eq!((leaks.near[0].0, leaks.near[0].1), (0, 2));
        assert!(leaks.near[0].2 > 0.8 && leaks.texts.is_empty());
        let one_partition = audit(&members, &[Partition::Test; 4], 3, &[(1, 2)], &alike);
        assert!(one_partition.none(), "{one_partition:?}");
    }

    #[test]
    fn near_duplicates_in_scripts_without_spaces_stay_in_one_partition() {
        for (text, copy) in near::tests::UNSPACED {
            let pairs = [(0, text, "a"), (1, "b", copy), (2, "c", "d")];
            let (members, alike) = members(&pairs, Near::default());
            let groups = group(&members, 3, &alike, &[], 10);
            assert_eq!((groups.of, groups.by_text), (vec![0, 0, 2], 1), "{text}");
            // if a limit keeps them apart, one is left out
            let partitions = [Partition::Train, Partition::Test, Partition::Test];
            let out = left_out(&members, &partitions, &alike);
            assert_eq!(out, [false, true, false], "{text}");
            let leaks = audit(&members, &partitions, 3, &[], &alike);
            assert_eq!(leaks.near.len(), 1, "{text}: {leaks:?}");
        }
    }

    #[test]
    fn notice_under_every_post_does_not_make_one_group() {
        let notice = "your post was removed since it breaks a rule of this subreddit sorry";
        let copy = "a long text that only two threads of all of them have in common";
        let mut pairs: Vec<(usize, &str, &str)> = (0..100).map(|n| (n, notice, "ok")).collect();
        pairs.push((3, copy, "x"));
        pairs.push((7, copy, "y"));
        let (few, alike) = members(&pairs[100..], Near::default());
        assert_eq!(group(&few, 100, &alike, &[], 4).by_text, 1);
        let (all, alike) = members(&pairs, Near::default());
        let groups = group(&all, 100, &alike, &[], 4);
        let mut sizes: HashMap<usize, usize> = HashMap::new();
        all.iter()
            .for_each(|m| *sizes.entry(groups.of[m.thread]).or_default() += 1);
        assert!(sizes.values().all(|&size| size <= 4), "{sizes:?}");
        let partitions: Vec<Partition> = all
            .iter()
            .map(|m| Partition::ALL[groups.of[m.thread] % 3])
            .collect();
        let out = left_out(&all, &partitions, &alike);
        let kept: Vec<_> = (0..all.len()).filter(|&n| !out[n]).collect();
        let members: Vec<_> = kept.iter().map(|&n| all[n]).collect();
        let partitions: Vec<_> = kept.iter().map(|&n| partitions[n]).collect();
        assert!(
            audit(&members, &partitions, 100, &[], &alike)
                .texts
                .is_empty()
        );
    }

    #[test]
    fn post_from_several_sources_is_one() {
        let post = |id, author: &str, title: &str, selftext: &str, score| PostKey {
            id,
            subreddit: "Books".into(),
            author: (!author.is_empty()).then(|| author.to_owned()),
            title: title.into(),
            selftext: selftext.into(),
            score,
        };
        let posts = [
            post(10, "ann", "Weekly thread", "", Some(3)),
            post(11, "ann", "Weekly thread", "", Some(4)),
            post(12, "Bob", "A title", "The text of it.", Some(90)),
            post(-1, "bob", "the text of it", "", Some(91)),
            post(-2, "ann", "", "", Some(4)),
            post(-3, "ann", "", "", Some(5)),
            post(13, "cid", "Gone", "[removed]", Some(1)),
            post(-4, "", "gone", "", None),
            post(-5, "dan", "[removed]", "", Some(1)),
        ];
        assert_eq!(same_posts(&posts), [(1, 4), (2, 3), (6, 7)]);
    }

    #[test]
    fn no_text_is_in_two_partitions_after_leaving_out() {
        let near = Near {
            shingle: 2,
            min_words: 4,
            threshold: 0.5,
        };
        for seed in 0..256 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut text = || -> String {
                (0..rng.usize(..9))
                    .map(|_| format!("w{} ", rng.u8(..3)))
                    .collect()
            };
            let texts: Vec<_> = (0..40).map(|_| (text(), text())).collect();
            let pairs: Vec<_> = texts[..rng.usize(1..40)]
                .iter()
                .map(|(comment, reply)| (rng.usize(..8), comment.as_str(), reply.as_str()))
                .collect();
            let partition_of: Vec<_> = (0..40).map(|_| Partition::ALL[rng.usize(..3)]).collect();
            let (all, alike) = members(&pairs, near);
            let partitions: Vec<_> = all.iter().map(|m| partition_of[m.thread]).collect();
            let out = left_out(&all, &partitions, &alike);
            let kept: Vec<usize> = (0..all.len()).filter(|&n| !out[n]).collect();
            let again: Vec<_> = kept.iter().map(|&n| pairs[n]).collect();
            let (members, alike) = members(&again, near);
            let left: Vec<_> = kept.iter().map(|&n| partitions[n]).collect();
            let leaks = audit(&members, &left, 8, &[], &alike);
            assert!(leaks.none(), "seed {seed}: {leaks:?}");
            assert!(
                (0..all.len()).all(|n| !out[n] || partitions[n] != Partition::Train),
                "seed {seed}: a training pair was left out"
            );
        }
    }
}
