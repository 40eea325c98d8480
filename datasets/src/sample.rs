//! Synthetic threads, made by the project itself: no text in them was written by a person.
//!
//! A thread has a topic; its comments name a thing and what is wrong with it; its replies answer
//! that, well or badly, and their scores follow from how well. So there is something to learn for
//! each model (which words answer which, which answers are liked) and the answer is known: a reply
//! of a liked kind that names the right thing scores high, whatever the comment. Thread `n` of a
//! seed depends on these two numbers alone, on every platform.

use crate::{
    id,
    record::{Comment, Post},
};
use std::io::{self, Write};

/// A thread: a post and what stands under it, parents before their replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    pub post: Post,
    pub comments: Vec<Comment>,
}

/// What is wrong with a thing, why, and what helps; `{}` is the thing.
struct Problem {
    symptom: &'static str,
    causes: [&'static str; 3],
    fixes: [&'static str; 3],
}

struct Topic {
    subreddit: &'static str,
    things: [&'static str; 10],
    problems: [Problem; 5],
}

macro_rules! problem {
    ($symptom:literal: $($cause:literal),+ => $($fix:literal),+) => {
        Problem { symptom: $symptom, causes: [$($cause),+], fixes: [$($fix),+] }
    };
}

const TOPICS: [Topic; 5] = [
    Topic {
        subreddit: "SampleGardening",
        things: [
            "basil",
            "tomato",
            "fern",
            "orchid",
            "lemon tree",
            "lavender",
            "fig",
            "cactus",
            "rosemary",
            "pepper plant",
        ],
        problems: [
            problem!("the leaves of my {} turn yellow": "too much water", "cold roots", "old soil"
                => "let the soil dry between waterings", "move the pot off the cold floor", "repot it in fresh soil"),
            problem!("my {} grows tall and thin": "too little light", "a crowded shelf", "too warm a room"
                => "put it right at the window", "give it a shelf of its own", "keep it cooler at night"),
            problem!("there are tiny flies around my {}": "wet soil on top", "rotting leaves", "a new bag of compost"
                => "water it from below", "clear the dead leaves away", "cover the soil with sand"),
            problem!("my {} has brown spots": "sunburn", "hard water", "a fungus"
                => "shade it at noon", "collect rain for it", "cut the spotted leaves off"),
            problem!("my {} will not flower": "too much fertiliser", "a pot that is too big", "short days"
                => "stop feeding it until spring", "choose a smaller pot", "hang a lamp above it"),
        ],
    },
    Topic {
        subreddit: "SampleBikes",
        things: [
            "road bike",
            "folding bike",
            "cargo bike",
            "mountain bike",
            "tandem",
            "city bike",
            "gravel bike",
            "old racer",
            "kids bike",
            "touring bike",
        ],
        problems: [
            problem!("the chain of my {} keeps slipping": "a worn cassette", "a stretched chain", "a loose cable"
                => "measure the chain and replace it", "swap chain and cassette together", "turn the barrel half a turn"),
            problem!("the brakes of my {} squeal": "oil on the rim", "pads that are too hard", "pads at a wrong angle"
                => "clean the rim with alcohol", "fit softer pads", "toe the pads in a little"),
            problem!("my {} gets a flat every week": "glass in the tyre", "a bad rim tape", "low pressure"
                => "feel the inside of the tyre with your thumb", "renew the rim tape", "pump it up every Sunday"),
            problem!("my {} creaks when I climb": "a dry seat post", "loose crank bolts", "a tired bottom bracket"
                => "grease the seat post", "tighten the cranks", "replace the bottom bracket"),
            problem!("the back wheel of my {} wobbles": "a broken spoke", "a bent rim", "loose bearings"
                => "true the wheel spoke by spoke", "have the rim checked", "adjust the cones"),
        ],
    },
    Topic {
        subreddit: "SampleCooking",
        things: [
            "lentil soup",
            "risotto",
            "curry",
            "sourdough",
            "pancakes",
            "tomato sauce",
            "stew",
            "dumplings",
            "omelette",
            "potato salad",
        ],
        problems: [
            problem!("my {} always tastes flat": "no acid", "too little salt", "old spices"
                => "add a spoon of vinegar at the end", "salt it in three steps", "toast the spices first"),
            problem!("my {} sticks to the pan": "a cold pan", "too little fat", "stirring too early"
                => "heat the pan before the oil", "use a bit more butter", "leave it alone for a minute"),
            problem!("my {} turns out too dry": "too high a heat", "too little liquid", "too long in the oven"
                => "turn the heat down early", "keep a cup of stock ready", "take it out sooner"),
            problem!("my {} falls apart": "overmixing", "too much water", "no resting time"
                => "mix it only until it holds", "weigh the water", "let it rest in the fridge"),
            problem!("my {} is far too salty": "salted butter", "a reduced stock", "tasting too late"
                => "use plain butter", "thin it with water", "cook a potato in it"),
        ],
    },
    Topic {
        subreddit: "SampleGuitars",
        things: [
            "acoustic",
            "bass",
            "ukulele",
            "twelve string",
            "telecaster",
            "classical guitar",
            "banjo",
            "baritone",
            "parlor guitar",
            "lap steel",
        ],
        problems: [
            problem!("my {} buzzes on the low string": "a flat neck", "a worn nut", "humid air"
                => "loosen the truss rod a quarter turn", "shim the nut", "keep a case with a dry pack"),
            problem!("my {} will not stay in tune": "new strings", "sticky nut slots", "loose tuners"
                => "stretch the strings by hand", "rub a pencil in the slots", "tighten the tuner screws"),
            problem!("my fingers hurt when I play the {}": "high action", "heavy strings", "a tight grip"
                => "have the action lowered", "try lighter strings", "press closer to the fret"),
            problem!("my {} hums through the amp": "a ground loop", "a cheap cable", "single coils"
                => "use one power outlet for all", "buy a shielded cable", "turn away from the lamp"),
            problem!("I cannot change chords fast on the {}": "moving one finger at a time", "looking at the hand", "starting too fast"
                => "move all fingers as one shape", "practise with closed eyes", "use a slow metronome"),
        ],
    },
    Topic {
        subreddit: "SampleHiking",
        things: [
            "rain jacket",
            "backpack",
            "tent",
            "boots",
            "sleeping bag",
            "stove",
            "headlamp",
            "trekking poles",
            "water filter",
            "sleeping pad",
        ],
        problems: [
            problem!("my {} let me down in the rain": "worn coating", "open seams", "condensation"
                => "wash it and renew the coating", "seal the seams with glue", "open the vents at night"),
            problem!("my {} is far too heavy": "old fabric", "too many extras", "the wrong size"
                => "weigh every part at home", "leave the extras behind", "try one size smaller"),
            problem!("my {} broke on the second day": "cold plastic", "sand in the joints", "cheap buckles"
                => "carry tape and a needle", "rinse it after every trip", "ask the maker for a spare part"),
            problem!("my {} smells awful": "wet storage", "old sweat", "mildew"
                => "dry it in the sun for a day", "soak it in a mild soap", "store it loose and open"),
            problem!("I cannot decide on a new {}": "too many reviews", "no chance to try it", "a small budget"
                => "borrow one for a weekend", "look at last year's model", "rent before you buy"),
        ],
    },
];

const OPENINGS: [&str; 12] = [
    "Hi all,",
    "Beginner here:",
    "So,",
    "Help,",
    "Not sure what to do,",
    "Quick question,",
    "Second year in a row",
    "I am out of ideas,",
    "Honestly,",
    "Strange one:",
    "Good evening,",
    "Once again",
];
const EVENTS: [&str; 16] = [
    "we moved house",
    "a long holiday",
    "the heat wave",
    "my brother borrowed it",
    "a cold night",
    "I cleaned it",
    "a friend's visit",
    "the first snow",
    "I changed my routine",
    "a busy month",
    "the rainy weeks",
    "I read a guide",
    "my birthday",
    "a weekend away",
    "the power cut",
    "I tried something new",
];
const PLACES: [&str; 12] = [
    "in a small flat",
    "on a balcony",
    "in the garage",
    "near the coast",
    "up in the hills",
    "in a shared house",
    "at my parents'",
    "in the cellar",
    "by the river",
    "on the third floor",
    "in an old barn",
    "in the city",
];
const ASKS: [&str; 12] = [
    "What am I doing wrong?",
    "Any ideas?",
    "Is that normal?",
    "What would you try first?",
    "Can it be saved?",
    "Does anybody know why?",
    "Should I worry?",
    "How do you handle this?",
    "Is it too late?",
    "Where do I even start?",
    "Did this happen to you?",
    "Thanks in advance!",
];
const LEADS: [&str; 12] = [
    "That sounds like",
    "Most likely it is",
    "I would bet on",
    "Nine times out of ten it is",
    "From what you write it is",
    "My first guess is",
    "It looks to me like",
    "Almost surely",
    "In my experience it is",
    "This is usually",
    "The classic reason is",
    "I had that too, it was",
];
const PROOFS: [&str; 12] = [
    "worked for me within",
    "took me about",
    "you should see a change in",
    "give it",
    "my neighbour fixed hers in",
    "mine was fine again after",
    "be patient for",
    "it needs no more than",
    "the difference shows after",
    "expect results in",
    "wait at least",
    "I needed roughly",
];
const UNITS: [&str; 4] = ["days", "weeks", "evenings", "tries"];
const CLOSERS: [&str; 10] = [
    "Good luck!",
    "Let us know how it goes.",
    "You can do it.",
    "Hope that helps.",
    "Post a picture later.",
    "It is worth the effort.",
    "No need to panic.",
    "Ask again if it stays.",
    "Then check once more.",
    "Have fun with it.",
];
const SNARKS: [&str; 10] = [
    "lol just buy a new {}",
    "nobody needs a {} anyway",
    "maybe a {} is not for you",
    "we get this {} question every week",
    "have you tried reading about your {}",
    "a {} is a waste of money",
    "who cares about a {}",
    "your {} deserves better",
    "sell the {} and be done",
    "imagine asking about a {} here",
];
const ME_TOOS: [&str; 10] = [
    "same with my {}",
    "following, my {} does that too",
    "my {} did this last year",
    "no idea but my {} is the same",
    "also curious about the {}",
    "you too? my {} as well",
    "commenting to find this {} thread again",
    "my {} says hello",
    "wish I knew, {} owner here",
    "my {} never did that",
];
const THANKS: [&str; 8] = [
    "Thank you, I will try that this week.",
    "That worked, you are great!",
    "I had not thought of that, thanks.",
    "Did it today and it is better already.",
    "Makes sense, thanks for the long answer.",
    "You were right, it was that.",
    "Thanks, I feel less stupid now.",
    "Will report back, thank you.",
];
const NAMES: [&str; 24] = [
    "amber", "birch", "cedar", "dune", "ember", "flint", "grove", "hazel", "iris", "juniper",
    "kestrel", "lark", "maple", "nettle", "otter", "pebble", "quartz", "robin", "sorrel",
    "thistle", "umber", "violet", "willow", "yarrow",
];

/// SplitMix64 (Steele, Lea, Flood 2014): enough for making up texts, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is small: the bias of the high-bits product is below 1e-15.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    fn percent(&mut self, p: usize) -> bool {
        self.below(100) < p
    }

    fn author(&mut self) -> String {
        format!(
            "{}_{}_{}",
            self.of(&NAMES),
            self.of(&NAMES),
            self.below(1000)
        )
    }

    fn span(&mut self) -> String {
        format!("{} {}", 2 + self.below(18), self.of(&UNITS))
    }
}

/// First id of the posts and of the comments: far above Reddit's own numbers of today, so that
/// synthetic rows never meet real ones in a project.
const FIRST_ID: i64 = 1 << 56;

/// Comments of one thread never need more ids.
const IDS_PER_THREAD: i64 = 64;

/// Thread number `n` of a seed: a post and about 16 comments.
pub fn thread(seed: u64, n: u64) -> Thread {
    let mut dice =
        Dice(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ n.wrapping_mul(0xA076_1D64_78BD_642F));
    let topic = &TOPICS[dice.below(TOPICS.len())];
    let created = 1_600_000_000 + 400 * n as i64;
    // The seed's low bits keep the ids of samples of different seeds apart.
    let id = FIRST_ID + ((((seed & 0xFFF) as i64) << 40) + n as i64) * IDS_PER_THREAD;
    let asked = dice.of(&topic.things);
    let general = &topic.problems[dice.below(topic.problems.len())];
    let post = Post {
        id,
        subreddit: topic.subreddit.into(),
        author: Some(dice.author()),
        title: format!(
            "{} and other trouble, week {n}",
            capital(&general.symptom.replace("{}", asked))
        ),
        selftext: format!(
            "Tell us {} what went wrong with your {asked}. {}",
            dice.of(&PLACES),
            dice.of(&ASKS)
        ),
        score: Some(5 + dice.below(200) as i64),
        created_utc: Some(created),
        retrieved_utc: Some(created + 200_000),
    };
    let mut comments = Vec::new();
    let mut add =
        |dice: &mut Dice, parent_id: Option<i64>, author: String, body: String, score: i64| {
            let id = id + 1 + comments.len() as i64;
            comments.push(Comment {
                id,
                link_id: post.id,
                parent_id,
                subreddit: topic.subreddit.into(),
                author: Some(author),
                body,
                score: (!dice.percent(2)).then_some(score),
                created_utc: Some(created + 60 * (id - post.id)),
                retrieved_utc: Some(created + 200_000),
            });
            id
        };
    if dice.percent(20) {
        let body =
            "Welcome! Please be kind. *I am a bot, and this action was performed automatically.*";
        add(&mut dice, None, "AutoModerator".into(), body.into(), 1);
    }
    for _ in 0..2 + dice.below(3) {
        let thing = dice.of(&topic.things);
        let problem = &topic.problems[dice.below(topic.problems.len())];
        let asker = dice.author();
        let body = question(&mut dice, thing, problem);
        let score = 1 + dice.below(30) as i64;
        let parent = add(&mut dice, None, asker.clone(), body, score);
        for _ in 0..1 + dice.below(4) {
            let (body, score) = answer(&mut dice, topic, thing, problem);
            let author = dice.author();
            let reply = add(&mut dice, Some(parent), author, body, score);
            if score > 9 && dice.percent(30) {
                let body = dice.of(&THANKS).to_owned();
                let score = 4 + dice.below(6) as i64;
                add(&mut dice, Some(reply), asker.clone(), body, score);
            }
        }
        if dice.percent(12) {
            // What a cleaning recipe is for.
            let (author, body) = match dice.below(4) {
                0 => ("[deleted]".into(), "[deleted]".into()),
                1 => (dice.author(), "[removed]".into()),
                2 => (
                    dice.author(),
                    format!("https://example.org/{}", dice.below(10_000)),
                ),
                _ => (
                    "sample_helper_bot".into(),
                    "Beep. Your question was counted.".into(),
                ),
            };
            let score = dice.below(3) as i64 - 1;
            add(&mut dice, Some(parent), author, body, score);
        }
    }
    Thread { post, comments }
}

/// A comment that names a thing and what is wrong with it.
fn question(dice: &mut Dice, thing: &str, problem: &Problem) -> String {
    let opening = dice.of(&OPENINGS);
    let symptom = problem.symptom.replace("{}", thing);
    let since = format!("It started {} ago after {}", dice.span(), dice.of(&EVENTS));
    let place = dice.of(&PLACES);
    let ask = dice.of(&ASKS);
    match dice.below(3) {
        0 => format!("{opening} {symptom}. {since}, I keep it {place}. {ask}"),
        1 => format!("{opening} {symptom} {place} & nothing helps. {since}. {ask}"),
        _ => format!("{since}: {symptom}. We live {place}. {ask}"),
    }
}

/// A reply and its score. What is liked is in the words: a full answer that names the right cause
/// and remedy most, then a short useful one, then company, then mockery; a full answer to another
/// problem is not liked, and only the comment shows that it is one.
fn answer(dice: &mut Dice, topic: &Topic, thing: &str, problem: &Problem) -> (String, i64) {
    let full = |dice: &mut Dice, problem: &Problem| {
        let (lead, cause, fix) = (
            dice.of(&LEADS),
            dice.of(&problem.causes),
            dice.of(&problem.fixes),
        );
        let (proof, span, closer) = (dice.of(&PROOFS), dice.span(), dice.of(&CLOSERS));
        match dice.below(3) {
            0 => format!("{lead} {cause}. For a {thing} I would {fix}, {proof} {span}. {closer}"),
            1 => format!(
                "{} with your {thing}: {lead} {cause}, {proof} {span}. {closer}",
                capital(fix)
            ),
            _ => format!(
                "{lead} {cause}. {}. With a {thing} {proof} {span}.",
                capital(fix)
            ),
        }
    };
    // (what, points around which it scores, spread)
    let (body, middle, spread) = match dice.below(20) {
        0..=5 => (full(dice, problem), 18, 14),
        6 => {
            let at = topic
                .problems
                .iter()
                .position(|p| p.symptom == problem.symptom)
                .unwrap_or(0);
            let other = &topic.problems[(at + 1 + dice.below(4)) % topic.problems.len()];
            (full(dice, other), 0, 2)
        }
        7..=11 => {
            let (fix, span) = (dice.of(&problem.fixes), dice.span());
            let body = match dice.below(3) {
                0 => format!("Just {fix}."),
                1 => format!("{} and wait {span}.", capital(fix)),
                _ => format!(
                    "Did you check for {}? Then {fix}.",
                    dice.of(&problem.causes)
                ),
            };
            (body, 7, 4)
        }
        12..=15 => (capital(&dice.of(&ME_TOOS).replace("{}", thing)), 2, 2),
        _ => (dice.of(&SNARKS).replace("{}", thing), -5, 8),
    };
    let noise = dice.below(spread as usize) as i64 - spread / 2;
    (body, middle + noise)
}

/// The points that readers of the sample give a reply of any origin, by its words alone: the middles of
/// the kinds of replies above, and none for what is of no kind.
pub fn liking(reply: &str) -> i64 {
    let reply = reply.to_lowercase();
    let says = |words: &str| {
        let mut around = words.split("{}").map(|part| part.trim().to_lowercase());
        around.all(|part| reply.contains(&part))
    };
    let problems = || TOPICS.iter().flat_map(|topic| &topic.problems);
    if SNARKS.iter().any(|words| says(words)) {
        return -5;
    }
    if problems().any(|p| p.fixes.iter().any(|fix| says(fix))) {
        let explains = LEADS.iter().any(|words| says(words))
            && problems().any(|p| p.causes.iter().any(|cause| says(cause)));
        return if explains { 18 } else { 7 };
    }
    if ME_TOOS.iter().any(|words| says(words)) {
        return 2;
    }
    0
}

/// Names of the subreddits that the sample's threads are in.
pub fn subreddits() -> impl Iterator<Item = &'static str> {
    TOPICS.iter().map(|topic| topic.subreddit)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub threads: u64,
    pub comments: u64,
    /// Bytes of NDJSON, before any packing.
    pub bytes: u64,
}

/// Writes the first threads of a seed as NDJSON of a dump: each post, then its comments. Texts are
/// escaped as the dumps escape them.
///
/// # Errors
/// Those of `out`.
pub fn write_ndjson(out: &mut impl Write, seed: u64, threads: u64) -> io::Result<Written> {
    let mut written = Written::default();
    let mut line = Vec::new();
    for n in 0..threads {
        let thread = thread(seed, n);
        line.clear();
        post_line(&mut line, &thread.post)?;
        for comment in &thread.comments {
            comment_line(&mut line, comment)?;
        }
        out.write_all(&line)?;
        written.threads += 1;
        written.comments += thread.comments.len() as u64;
        written.bytes += line.len() as u64;
    }
    Ok(written)
}

/// Writes the comments of as many threads as it takes to fill `bytes` of NDJSON, packed as the
/// monthly dumps are: zstd with a window of 2 GiB.
///
/// # Errors
/// Those of `out`, and of zstd when its own memory (some 200 MB) cannot be had.
pub fn write_dump(out: impl Write, seed: u64, bytes: u64) -> io::Result<Written> {
    let mut packed = zstd::Encoder::new(out, 1)?;
    packed.window_log(31)?;
    let mut written = Written::default();
    let mut line = Vec::new();
    while written.bytes < bytes {
        let thread = thread(seed, written.threads);
        line.clear();
        for comment in &thread.comments {
            comment_line(&mut line, comment)?;
        }
        packed.write_all(&line)?;
        written.threads += 1;
        written.comments += thread.comments.len() as u64;
        written.bytes += line.len() as u64;
    }
    packed.finish()?;
    Ok(written)
}

/// A text as JSON, escaped as the dumps escape it.
fn text(raw: &str) -> String {
    let escaped = raw
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    serde_json::Value::String(escaped).to_string()
}

fn or_null<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "null".into(), |v| v.to_string())
}

/// One line with the keys that the dumps of 2019 to 2023 carry, so that a reader has as much to
/// skip as in the real ones.
fn comment_line(out: &mut impl Write, c: &Comment) -> io::Result<()> {
    let (own, link) = (id::encode(c.id), id::encode(c.link_id));
    let parent = c
        .parent_id
        .map_or(format!("t3_{link}"), |p| format!("t1_{}", id::encode(p)));
    let author = c.author.as_deref().unwrap_or("[deleted]");
    let (created, retrieved) = (c.created_utc.unwrap_or(0), c.retrieved_utc.unwrap_or(0));
    writeln!(
        out,
        r#"{{"all_awardings":[],"associated_award":null,"author":{author},"author_created_utc":1500000000,"author_flair_background_color":null,"author_flair_css_class":null,"author_flair_richtext":[],"author_flair_template_id":null,"author_flair_text":null,"author_flair_text_color":null,"author_flair_type":"text","author_fullname":"t2_{own}","author_patreon_flair":false,"author_premium":false,"awarders":[],"body":{body},"can_gild":true,"collapsed":false,"collapsed_because_crowd_control":null,"collapsed_reason":null,"comment_type":null,"controversiality":0,"created_utc":{created},"distinguished":null,"edited":false,"gilded":0,"gildings":{{}},"id":"{own}","is_submitter":false,"link_id":"t3_{link}","locked":false,"no_follow":true,"parent_id":"{parent}","permalink":"/r/{sub}/comments/{link}/_/{own}/","retrieved_on":{retrieved},"score":{score},"send_replies":true,"stickied":false,"subreddit":"{sub}","subreddit_id":"t5_2sample","subreddit_name_prefixed":"r/{sub}","subreddit_type":"public","top_awarded_type":null,"total_awards_received":0,"treatment_tags":[]}}"#,
        author = text(author),
        body = text(&c.body),
        score = or_null(c.score),
        sub = c.subreddit,
    )
}

fn post_line(out: &mut impl Write, p: &Post) -> io::Result<()> {
    let own = id::encode(p.id);
    writeln!(
        out,
        r#"{{"author":{author},"created_utc":{created},"id":"{own}","is_self":true,"permalink":"/r/{sub}/comments/{own}/_/","retrieved_on":{retrieved},"score":{score},"selftext":{selftext},"subreddit":"{sub}","title":{title}}}"#,
        author = text(p.author.as_deref().unwrap_or("[deleted]")),
        created = p.created_utc.unwrap_or(0),
        retrieved = p.retrieved_utc.unwrap_or(0),
        score = or_null(p.score),
        selftext = text(&p.selftext),
        sub = p.subreddit,
        title = text(&p.title),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{label::BinEdges, read, record::Record};
    use std::ops::ControlFlow;

    #[test]
    fn a_thread_is_the_same_every_time() {
        assert_eq!(thread(1, 7), thread(1, 7));
        assert_ne!(thread(1, 7).comments, thread(2, 7).comments);
        let parents_first = thread(1, 7)
            .comments
            .iter()
            .all(|c| c.parent_id.is_none_or(|p| p < c.id));
        assert!(parents_first);
        let text = format!("{:?}", thread(1, 7));
        let hash = blake3::hash(text.as_bytes()).to_hex();
        // Changes when the generator does; on no account with the platform.
        assert_eq!(&hash[..16], "a7d6dc4b5f637aba", "{text}");
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sample.ndjson");
        let mut bytes = Vec::new();
        let written = write_ndjson(&mut bytes, 3, 50).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let (mut posts, mut comments) = (Vec::new(), Vec::new());
        let summary = read::read(&path, &read::Options::default(), |batch| {
            for record in batch.records {
                match record {
                    Record::Post(post) => posts.push(post),
                    Record::Comment(comment) => comments.push(comment),
                }
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(summary.counts.rejected, 0);
        assert_eq!(
            (posts.len() as u64, comments.len() as u64),
            (written.threads, written.comments)
        );
        let made: Vec<Thread> = (0..50).map(|n| thread(3, n)).collect();
        assert_eq!(
            posts,
            made.iter().map(|t| t.post.clone()).collect::<Vec<_>>()
        );
        assert_eq!(
            comments,
            made.iter()
                .flat_map(|t| t.comments.clone())
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_dump_has_the_window_and_the_size() {
        let mut packed = Vec::new();
        let written = write_dump(&mut packed, 1, 1 << 20).unwrap();
        assert!(written.bytes >= 1 << 20);
        assert!(
            zstd::decode_all(&packed[..]).is_err(),
            "a stock decoder refuses the window"
        );
        let mut decoder = zstd::Decoder::new(&packed[..]).unwrap();
        decoder.window_log_max(31).unwrap();
        let n = io::copy(&mut decoder, &mut io::sink()).unwrap();
        assert_eq!(n, written.bytes);
    }

    #[test]
    fn readers_like_replies_of_any_origin_as_they_like_those_of_the_sample() {
        let replies = (0..400).flat_map(|n| thread(3, n).comments);
        let mut off = Vec::new();
        for reply in replies.filter(|c| c.parent_id.is_some() && c.body.len() > 20) {
            if THANKS.contains(&reply.body.as_str()) || reply.body.starts_with("https") {
                continue;
            }
            off.extend(reply.score.map(|score| (score - liking(&reply.body)).abs()));
        }
        // the spread around a full answer is 14; that to another problem looks full to who sees it alone
        let close = off.iter().filter(|off| **off <= 7).count();
        assert!(close * 10 > off.len() * 8, "{close} of {}", off.len());
        assert_eq!(liking("lol just buy a new tandem"), -5);
        assert_eq!(liking("the of and a"), 0);
        assert_eq!(subreddits().count(), 5);
    }

    #[test]
    fn the_kind_of_a_reply_tells_its_score() {
        // The mean score of replies that mock is far below that of full answers.
        let replies: Vec<Comment> = (0..300)
            .flat_map(|n| thread(1, n).comments)
            .filter(|c| c.parent_id.is_some() && c.score.is_some())
            .collect();
        let mut scores: Vec<i64> = replies.iter().filter_map(|c| c.score).collect();
        let edges = BinEdges::quartiles(&mut scores).unwrap();
        let mut bins = [0usize; 4];
        replies
            .iter()
            .filter_map(|c| c.score)
            .for_each(|s| bins[edges.bin(s)] += 1);
        let least = replies.len() / 8;
        assert!(
            bins.iter().all(|&n| n > least),
            "no bin is nearly empty: {bins:?}"
        );
        let mean = |long: bool| {
            let of: Vec<i64> = replies
                .iter()
                .filter(|c| (c.body.len() > 90) == long)
                .filter_map(|c| c.score)
                .collect();
            of.iter().sum::<i64>() as f64 / of.len() as f64
        };
        assert!(
            mean(true) > mean(false) + 8.0,
            "{} {}",
            mean(true),
            mean(false)
        );
    }
}
