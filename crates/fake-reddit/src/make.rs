//! Creates subreddits, posts and threads. The texts are those of the project's synthetic sample.

use repartee_datasets::sample;

use crate::world::{Dice, World};

/// First thread of the sample for the texts of long threads, so that they do not repeat those of the short ones.
const FAR: u64 = 1 << 20;

impl World {
    /// Adds posts of the last hours with their threads, over the sample's subreddits. Except for their times, they
    /// depend on the seed and the number alone.
    pub fn make_threads(&mut self, seed: u64, posts: usize) {
        for n in 0..posts {
            let made = sample::thread(seed, n as u64);
            let author = made.post.author.as_deref().unwrap_or("nobody");
            let name = self.add_post(
                &made.post.subreddit,
                author,
                &made.post.title,
                &made.post.selftext,
            );
            // the newest is a quarter of an hour old, then one every seven minutes
            let born = self.now_utc() - 900 - 420 * n as i64;
            if let Some(post) = self.post(&name) {
                post.created_utc = born;
                post.score = made.post.score.unwrap_or(2).max(2);
            }
            // maps ids of the sample to our names
            let mut names = std::collections::HashMap::new();
            for (at, comment) in made.comments.iter().enumerate() {
                let parent = comment
                    .parent_id
                    .and_then(|id| names.get(&id).cloned())
                    .unwrap_or_else(|| name.clone());
                let author = comment.author.as_deref().unwrap_or("nobody");
                let Some(new) = self.add_comment(&parent, author, &comment.body) else {
                    continue;
                };
                if let Some(it) = self.comment(&new) {
                    it.created_utc = born + 45 * (at as i64 + 1);
                    it.visible_ms = it.created_utc * 1000;
                    it.score = comment.score.unwrap_or(1);
                    it.score_hidden = comment.score.is_none();
                    it.deleted = it.body == "[deleted]";
                    it.removed = it.body == "[removed]";
                }
                names.insert(comment.id, new);
            }
        }
    }

    /// Adds a post with this many comments, and returns its full name: many answers to the post itself, many to other
    /// comments, and a few chains far deeper than a tree shows. A share `missing` of the comments without answers is
    /// named by trees, but omitted when requested.
    pub fn make_long_thread(
        &mut self,
        subreddit: &str,
        comments: usize,
        missing: f64,
        seed: u64,
    ) -> String {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let mut texts = Texts::new(seed);
        let title = format!("A thread with {comments} comments");
        let name = self.add_post(subreddit, "long_thread_host", &title, "Go.");
        let born = self.now_utc() - 7_200;
        if let Some(post) = self.post(&name) {
            post.created_utc = born;
            post.score = 500;
        }
        // (name, depth) of what can still be answered, and the ends of three chains
        let mut open: Vec<(String, usize)> = Vec::new();
        let mut ends: Vec<(String, usize)> = vec![(name.clone(), 0); 3];
        let mut made = Vec::with_capacity(comments);
        for n in 0..comments {
            let chain = dice.below(100) < 5;
            let at = dice.below(3);
            let (parent, depth) = if chain && ends[at].1 < 25 {
                ends[at].clone()
            } else if open.is_empty() || dice.below(100) < 30 {
                (name.clone(), 0)
            } else {
                open[dice.below(open.len())].clone()
            };
            let (author, body) = texts.next(&mut dice);
            let Some(new) = self.add_comment(&parent, &author, &body) else {
                continue;
            };
            if let Some(it) = self.comment(&new) {
                it.created_utc = born + 4 * (n as i64 + 1);
                it.visible_ms = it.created_utc * 1000;
                it.score = dice.below(60) as i64 - 5;
            }
            if chain && ends[at].1 < 25 {
                ends[at] = (new.clone(), depth + 1);
            } else if depth + 1 < 8 {
                open.push((new.clone(), depth + 1));
            }
            made.push(new);
        }
        for new in made {
            if !self.below.contains_key(&new)
                && dice.chance(missing)
                && let Some(it) = self.comment(&new)
            {
                it.missing = true;
            }
        }
        name
    }
}

/// Authors and texts of the sample, one after the other.
struct Texts {
    seed: u64,
    thread: u64,
    left: Vec<(String, String)>,
}

impl Texts {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            thread: FAR,
            left: Vec::new(),
        }
    }

    fn next(&mut self, dice: &mut Dice) -> (String, String) {
        loop {
            if let Some(text) = self.left.pop() {
                return text;
            }
            let thread = sample::thread(self.seed, self.thread);
            self.thread += 1 + dice.below(3) as u64;
            self.left = thread
                .comments
                .into_iter()
                .filter(|c| !matches!(c.body.as_str(), "[deleted]" | "[removed]"))
                .filter_map(|c| Some((c.author?, c.body)))
                .collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_depend_on_the_seed_alone() {
        let texts = |seed| {
            let mut world = World::new(seed);
            world.make_threads(seed, 12);
            let mut texts: Vec<(String, String)> = world
                .comments
                .values()
                .map(|c| (c.id.clone(), c.body.clone()))
                .collect();
            texts.sort();
            texts
        };
        assert_eq!(texts(3), texts(3));
        assert_ne!(texts(3), texts(4));
        let mut world = World::new(3);
        world.make_threads(3, 12);
        assert_eq!(world.posts.len(), 12);
        assert!(
            world
                .comments
                .values()
                .all(|c| c.created_utc <= world.now_utc())
        );
    }

    #[test]
    fn long_thread_has_the_requested_length_and_is_deep() {
        let mut world = World::new(1);
        let post = world.make_long_thread("X", 1_500, 0.05, 9);
        assert_eq!(world.comments_of(&post).len(), 1_500);
        let depth = |mut name: String| {
            let mut depth = 0;
            while let Some(comment) = world.comments.get(crate::world::bare(&name)) {
                name = comment.parent.clone();
                depth += 1;
            }
            depth
        };
        let deepest = world.comments_of(&post).into_iter().map(depth).max();
        assert!(deepest > Some(15), "{deepest:?}");
        let missing = world.comments.values().filter(|c| c.missing).count();
        assert!(missing > 10, "{missing}");
    }
}
