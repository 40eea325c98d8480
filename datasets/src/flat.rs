//! Tables and JSON with one comment per row, each with its id and the id of the comment it answers: ConvoKit's
//! utterances, the CSV of a data request to Reddit, the output of PRAW scripts.
//!
//! Columns are detected by their names or given by a [`Mapping`]. Ids that are not from Reddit (numbers, UUIDs) are
//! hashed to negative ids, so that the rows of one table still refer to each other.

use crate::{
    clean::{bare_name, is_notice, repair},
    id,
    ndjson::{Line, Loose, Raw},
    record::{Comment, Post, Record},
    source::Mapping,
    table,
};
use serde_json::{Map, Value};
use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// What a column of such a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Id,
    Name,
    Parent,
    Link,
    Conversation,
    Text,
    Title,
    Selftext,
    Author,
    Subreddit,
    Score,
    ScoreHidden,
    Created,
    Retrieved,
    Permalink,
    Html,
}

/// Number of slots.
pub(crate) const SLOTS: usize = 16;

/// The names of what a column may hold: Reddit's, then those of common export tools. The first name that a table has
/// counts: `created` is a local time where `created_utc` is there, too.
static NAMES: [(Slot, &[&str]); SLOTS] = [
    (Slot::Id, &["id", "comment_id", "utt_id", "utterance_id"]),
    (Slot::Name, &["name"]),
    (
        Slot::Parent,
        &[
            "parent_id",
            "parent",
            "reply_to",
            "reply-to",
            "in_reply_to",
            "in_reply_to_id",
            "parent_comment_id",
        ],
    ),
    (
        Slot::Link,
        &["link_id", "submission_id", "post_id", "submission", "link"],
    ),
    (
        Slot::Conversation,
        &["conversation_id", "root", "thread_id"],
    ),
    (
        Slot::Text,
        &["body", "text", "comment_text", "comment_body", OWN_TEXT],
    ),
    (Slot::Title, &["title"]),
    (Slot::Selftext, &["selftext"]),
    (
        Slot::Author,
        &["author", "speaker", "user", "username", "author_name"],
    ),
    (Slot::Subreddit, &["subreddit"]),
    (Slot::Score, &["score", "ups", "upvotes"]),
    (Slot::ScoreHidden, &["score_hidden"]),
    (
        Slot::Created,
        &["created_utc", "created_at", "created", "timestamp", "date"],
    ),
    (Slot::Retrieved, &["retrieved_on", "retrieved_utc"]),
    (Slot::Permalink, &["permalink"]),
    (Slot::Html, &["body_html", "selftext_html"]),
];

/// The text of a comment in a table of comments, and the first text of a row in a table of pairs.
const OWN_TEXT: &str = "comment";

/// What a field of this name holds, in any letter case, and the rank of the name among those for the same: 0 is
/// Reddit's.
pub(crate) fn slot_of(name: &str) -> Option<(Slot, u8)> {
    let name = name.trim();
    NAMES.iter().find_map(|(slot, names)| {
        let rank = names.iter().position(|n| n.eq_ignore_ascii_case(name))?;
        Some((*slot, u8::try_from(rank).unwrap_or(u8::MAX)))
    })
}

/// Whether a JSON object calls something otherwise than the dumps do, has ids or an author of another kind, or names its
/// subreddit in a link only: a reader of dumps would miss them.
pub(crate) fn is_renamed(object: &Map<String, Value>) -> bool {
    const READ: [Slot; 6] = [
        Slot::Parent,
        Slot::Author,
        Slot::Subreddit,
        Slot::Score,
        Slot::ScoreHidden,
        Slot::Created,
    ];
    let mut read = NAMES.iter().filter(|(slot, _)| READ.contains(slot));
    read.any(|(slot, names)| {
        let is = |key: &String| slot_of(key).is_some_and(|(of, _)| of == *slot);
        !object.contains_key(names[0]) && object.keys().any(is)
    }) || object.get("id").is_some_and(Value::is_number)
        || object.get("parent_id").is_some_and(Value::is_f64)
        || object.get("author").is_some_and(Value::is_object)
        || object.contains_key("permalink")
            && object.contains_key("body")
            && !object.contains_key("subreddit")
}

/// The column for a slot, by the best of its names.
fn column_for(slot: Slot, columns: &[String]) -> Option<usize> {
    let (_, names) = NAMES.iter().find(|(of, _)| *of == slot)?;
    names.iter().find_map(|name| {
        columns
            .iter()
            .position(|column| column.trim().eq_ignore_ascii_case(name))
    })
}

/// Columns that say something about the others; they are read wherever they are, without a mapping.
const ABOUT: [Slot; 3] = [Slot::ScoreHidden, Slot::Retrieved, Slot::Permalink];

/// The names of columns that a table is read with beyond those of its mapping.
pub(crate) fn names_about() -> impl Iterator<Item = &'static str> {
    NAMES
        .iter()
        .filter(|(slot, _)| ABOUT.contains(slot))
        .flat_map(|(_, names)| names.iter().copied())
}

/// The mapping of a table with one comment per row, detected by its column names; `None` if it is no such table.
pub fn guess(columns: &[String]) -> Option<Mapping> {
    let find = |slots: &[Slot]| {
        slots
            .iter()
            .find_map(|slot| column_for(*slot, columns))
            .map(|at| columns[at].trim().to_owned())
    };
    let mapping = Mapping {
        id: find(&[Slot::Id, Slot::Name]),
        parent: find(&[Slot::Parent]),
        link: find(&[Slot::Link, Slot::Conversation, Slot::Permalink]),
        text: find(&[Slot::Text]),
        title: find(&[Slot::Title]),
        score: find(&[Slot::Score]),
        subreddit: find(&[Slot::Subreddit]),
        reply_author: find(&[Slot::Author]),
        created: find(&[Slot::Created]),
        ..Mapping::default()
    };
    let has = |name: &str| (columns.iter()).any(|c| c.trim().eq_ignore_ascii_case(name));
    // beside `id` and `parent`, it may be the first text of a pair
    let own_text = (mapping.text.as_ref()).is_some_and(|text| text.eq_ignore_ascii_case(OWN_TEXT));
    if own_text && (!has("comment_id") || has("reply")) {
        return None;
    }
    // the posts of a data request to Reddit: no parent, and columns that no other table has
    let posts = has("gildings") && has("permalink") && mapping.title.is_some();
    let comments = mapping.parent.is_some();
    (mapping.id.is_some() && mapping.text.is_some() && (comments || posts)).then_some(mapping)
}

/// Whether only rows from Reddit have a column of this name.
pub(crate) fn is_of_reddit(column: &str) -> bool {
    const OF_REDDIT: [&str; 5] = [
        "link_id",
        "subreddit",
        "permalink",
        "gildings",
        "subreddit_id",
    ];
    let column = column.trim();
    (OF_REDDIT.iter()).any(|name| column.eq_ignore_ascii_case(name))
}

pub(crate) enum Escapes {
    /// Nothing that would be escaped.
    None,
    /// Escapes, and no character that should have been escaped.
    Some,
    /// A bare `<`, `>` or `&`: the text is not escaped.
    Bare,
}

pub(crate) fn escapes(text: &str) -> Escapes {
    let mut found = Escapes::None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(n) = memchr::memchr3(b'<', b'>', b'&', &bytes[at..]) {
        at += n;
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#", "&nbsp;"];
        if !known.iter().any(|e| text[at..].starts_with(e)) {
            return Escapes::Bare;
        }
        found = Escapes::Some;
        at += 1;
    }
    found
}

/// Whether the texts of a row from Reddit may be escaped: neither they nor their HTML show otherwise.
pub(crate) fn may_be_escaped(raw: &Raw) -> bool {
    let bare = [&raw.body, &raw.title, &raw.selftext]
        .into_iter()
        .any(|field| matches!(field, Loose::Text(text) if matches!(escapes(text), Escapes::Bare)));
    let plain_html = matches!(&raw.html, Loose::Text(html) if html.trim_start().starts_with('<'));
    !bare && !plain_html
}

/// The columns of such a table by position, and what is known from the rows before.
#[derive(Debug, Default)]
pub(crate) struct FlatTable {
    columns: Vec<(Slot, usize)>,
    /// The column of the score.
    score: Option<String>,
    /// Texts are escaped, as Reddit's are in most archives.
    entities: bool,
    earlier: Earlier,
}

impl FlatTable {
    /// Finds the mapping's columns in a header. `Err`: the columns that are missing.
    pub(crate) fn find(mapping: &Mapping, header: &[String]) -> Result<Self, Vec<String>> {
        let mut missing = Vec::new();
        let mut columns = Vec::new();
        for (field, column) in mapping.columns() {
            let Some(at) = header.iter().position(|h| h.trim() == column.trim()) else {
                missing.push(column.to_owned());
                continue;
            };
            let slot = match field {
                "id" => Slot::Id,
                "parent" => Slot::Parent,
                "link" => match slot_of(column) {
                    Some((slot @ (Slot::Conversation | Slot::Permalink), _)) => slot,
                    _ => Slot::Link,
                },
                "text" => Slot::Text,
                "title" => Slot::Title,
                "score" => Slot::Score,
                "subreddit" => Slot::Subreddit,
                "reply_author" => Slot::Author,
                "created" => Slot::Created,
                _ => continue,
            };
            columns.push((slot, at));
        }
        for slot in ABOUT {
            let at = column_for(slot, header);
            columns.extend(at.map(|at| (slot, at)));
        }
        if missing.is_empty() {
            let earlier = Earlier::default();
            let entities = header.iter().any(|column| is_of_reddit(column));
            Ok(Self {
                columns,
                score: mapping.score.clone(),
                entities,
                earlier,
            })
        } else {
            Err(missing)
        }
    }

    /// Reads one row; `cell(i)` is the text of column i, `None` for a null.
    pub(crate) fn row<'a>(&mut self, cell: impl Fn(usize) -> Option<&'a str>) -> Line {
        let mut raw = Raw::default();
        for &(slot, at) in &self.columns {
            let Some(text) = cell(at) else { continue };
            // an empty cell is no value, except for a text
            if text.trim().is_empty() && slot != Slot::Text {
                continue;
            }
            put(&mut raw, slot, Loose::Text(Cow::Borrowed(text)));
        }
        if raw.title.is_set() {
            raw.selftext = std::mem::take(&mut raw.body);
        }
        let entities = self.entities && may_be_escaped(&raw);
        let score = self.score.as_deref().unwrap_or("score");
        line(raw, score, entities, &mut self.earlier)
    }
}

/// The field for a slot.
fn field<'r, 'a>(raw: &'r mut Raw<'a>, slot: Slot) -> &'r mut Loose<'a> {
    match slot {
        Slot::Id => &mut raw.id,
        Slot::Name => &mut raw.name,
        Slot::Parent => &mut raw.parent_id,
        Slot::Link | Slot::Conversation => &mut raw.link_id,
        Slot::Text => &mut raw.body,
        Slot::Title => &mut raw.title,
        Slot::Selftext => &mut raw.selftext,
        Slot::Author => &mut raw.author,
        Slot::Subreddit => &mut raw.subreddit,
        Slot::Score => &mut raw.score,
        Slot::ScoreHidden => &mut raw.score_hidden,
        Slot::Created => &mut raw.created_utc,
        Slot::Retrieved => &mut raw.retrieved,
        Slot::Permalink => &mut raw.permalink,
        Slot::Html => &mut raw.html,
    }
}

/// Puts a value into its field, unless it has one.
pub(crate) fn put<'a>(raw: &mut Raw<'a>, slot: Slot, value: Loose<'a>) {
    let field = field(raw, slot);
    if field.is_set() {
        return;
    }
    *field = value;
    if matches!(slot, Slot::Link | Slot::Conversation) {
        raw.root_is_comment = slot == Slot::Conversation;
    }
}

/// Takes a value out of its field, for one under a better name. The post comes before the conversation.
pub(crate) fn clear(raw: &mut Raw, slot: Slot) {
    if slot != Slot::Conversation || raw.root_is_comment {
        *field(raw, slot) = Loose::Absent;
    }
}

/// What is known from the rows before.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    /// The first comment of each comment's conversation, for tables that do not name it. It is only as old as the rows
    /// before tell; the join of pairs completes it.
    roots: HashMap<i64, i64>,
    /// Hashes of the comments' texts, for ids that occur twice.
    texts: HashMap<i64, u64>,
}

/// Maximum number of comments whose conversation and text are remembered (about 200 MB).
const REMEMBERED: usize = 4_000_000;

impl Earlier {
    /// Whether a row before had this id and another text, of which neither is a newer copy of the other.
    fn contradicts(&mut self, comment: &Comment) -> bool {
        if comment.retrieved_utc.is_some() || is_notice(&comment.body) {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        comment.body.hash(&mut hasher);
        let hash = hasher.finish();
        match self.texts.get(&comment.id) {
            Some(earlier) => *earlier != hash,
            None => {
                if self.texts.len() < REMEMBERED {
                    self.texts.insert(comment.id, hash);
                }
                false
            }
        }
    }
}

/// Builds a record from these fields, by the rules for other tools' output. `score`: the name of the score's column.
pub(crate) fn line(raw: Raw, score: &str, entities: bool, earlier: &mut Earlier) -> Line {
    let own = number(&raw.id).or_else(|| number(&raw.name));
    if let Some(line) = raw.deleted_later(own) {
        return line;
    }
    let text = |value: &Loose| match value {
        Loose::Text(text) => Some(repair(text, entities).into_owned()),
        _ => None,
    };
    let name = |value: &Loose| match value {
        Loose::Text(text) => Some(bare_name(text))
            .filter(|name| !name.is_empty())
            .map(|name| match name {
                // how BDFR writes a deleted author
                "DELETED" => "[deleted]".to_owned(),
                name => name.to_owned(),
            }),
        _ => None,
    };
    let Some(own) = own else {
        return Line::Bad("has no id".into());
    };
    let score = match raw.score(score) {
        Ok(score) => score,
        Err(reason) => return Line::Bad(reason),
    };
    let created_utc = match raw.created_utc.written() {
        Ok(time) => time,
        Err(reason) => return Line::Bad(reason),
    };
    let retrieved_utc = raw.retrieved.moment().and_then(table::retrieved);
    let address = match &raw.permalink {
        Loose::Text(text) => text.as_ref(),
        _ => "",
    };
    let link_text = match &raw.link_id {
        Loose::Text(text) => text.as_ref(),
        _ => "",
    };
    let subreddit = name(&raw.subreddit)
        .or_else(|| part_after(address, "/r/"))
        .or_else(|| part_after(link_text, "/r/"))
        .unwrap_or_default();
    let Some(body) = text(&raw.body) else {
        let Some(title) = text(&raw.title) else {
            return Line::Bad("has neither a text (a comment) nor a title (a post)".into());
        };
        return Line::Record(Record::Post(Post {
            id: own,
            subreddit,
            author: name(&raw.author),
            title,
            selftext: text(&raw.selftext).unwrap_or_default(),
            score,
            created_utc,
            retrieved_utc,
        }));
    };
    let link = number(&raw.link_id).or_else(|| id::decode(&part_after(address, "/comments/")?));
    let parent = match &raw.parent_id {
        Loose::Text(text) if text.trim().starts_with("t3_") => None,
        value => number(value).filter(|parent| *parent != own),
    };
    let says_comment = matches!(&raw.parent_id, Loose::Text(t) if t.trim().starts_with("t1_"));
    let parent_id = parent.filter(|p| link != Some(*p) || says_comment || raw.root_is_comment);
    let link_id = link.unwrap_or_else(|| {
        let to_post = matches!(&raw.parent_id, Loose::Text(t) if t.trim().starts_with("t3_"));
        let root = match parent_id {
            Some(parent) => earlier.roots.get(&parent).copied().unwrap_or(parent),
            None if to_post => number(&raw.parent_id).unwrap_or(own),
            None => own,
        };
        if earlier.roots.len() < REMEMBERED {
            earlier.roots.insert(own, root);
        }
        root
    });
    let comment = Comment {
        id: own,
        link_id,
        parent_id,
        subreddit,
        author: name(&raw.author),
        body,
        score,
        created_utc,
        retrieved_utc,
    };
    if earlier.contradicts(&comment) {
        let id = match (&raw.id, &raw.name) {
            (Loose::Text(id), _) | (_, Loose::Text(id)) => id.to_string(),
            _ => id::encode(own),
        };
        return Line::Bad(format!(
            "has the id {id:?} of an earlier row with another text; the earlier row is kept"
        ));
    }
    Line::Record(Record::Comment(comment))
}

/// An id as a number: Reddit's own in base36, with or without its kind, or the one in a URL; any other is hashed to a
/// negative number.
fn number(value: &Loose) -> Option<i64> {
    let text = match value {
        Loose::Text(text) => text.trim().to_owned(),
        Loose::Int(n) => n.to_string(),
        // an integer column with missing values
        Loose::Float(x) => crate::ndjson::whole(*x)?.to_string(),
        _ => return None,
    };
    let text = match text.strip_suffix(".0") {
        Some(whole) if whole.bytes().all(|b| b.is_ascii_digit()) => whole,
        _ => text.as_str(),
    };
    if let Some(post) = part_after(text, "/comments/") {
        return id::decode(&post);
    }
    let none = ["", "nan", "none", "null", "na", "<na>"];
    if none.iter().any(|n| n.eq_ignore_ascii_case(text)) {
        return None;
    }
    // more than ten base36 characters are no Reddit id, and neither is one with a leading zero: "01" is not "1"
    let bare = match text.as_bytes() {
        [b't', b'1'..=b'6', b'_', ..] => &text[3..],
        _ => text,
    };
    // a comment's id as a decimal number: in base36, one of eleven digits would be from the far future
    let decimal = bare.len() == 11 && bare.bytes().all(|b| b.is_ascii_digit());
    if decimal && let Ok(number) = bare.parse() {
        return Some(number);
    }
    let plain = bare.len() <= 10
        && (bare == "0" || !bare.starts_with('0'))
        && bare
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    id::decode(bare)
        .filter(|_| plain)
        .or_else(|| Some(id::of_content(&["id", bare])))
}

/// The part of a URL after `/r/` or `/comments/`.
fn part_after(address: &str, mark: &str) -> Option<String> {
    let rest = &address[address.find(mark)? + mark.len()..];
    let part = rest.split(['/', '?', '#']).next().unwrap_or("");
    (!part.is_empty()).then(|| part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(header: &str, lines: &[&str]) -> Vec<Line> {
        let header: Vec<String> = header.split(',').map(str::to_owned).collect();
        let mapping = guess(&header).unwrap();
        let mut table = FlatTable::find(&mapping, &header).unwrap();
        lines
            .iter()
            .map(|line| {
                let cells: Vec<&str> = line.split(',').collect();
                table.row(|i| cells.get(i).copied())
            })
            .collect()
    }

    fn comment(line: &Line) -> &Comment {
        match line {
            Line::Record(Record::Comment(c)) => c,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_request_names_posts_by_url() {
        let got = rows(
            "id,permalink,date,ip,subreddit,gildings,link,parent,body,media",
            &[
                "c1,https://www.reddit.com/r/kettles/comments/p1/t/c1/,2021-03-04 05:06:07 UTC,,kettles,0,\
                 https://www.reddit.com/r/kettles/comments/p1/t/,,Hot,",
                "c2,x,2021-03-04 05:06:07 UTC,,kettles,0,https://www.reddit.com/r/kettles/comments/p1/t/,c1,Very,",
            ],
        );
        let (one, two) = (comment(&got[0]), comment(&got[1]));
        assert_eq!(one.link_id, id::decode("p1").unwrap());
        assert_eq!((one.parent_id, two.parent_id), (None, Some(one.id)));
        assert_eq!(one.created_utc, Some(1_614_834_367));
        let posts = rows(
            "id,permalink,date,ip,subreddit,gildings,title,url,body",
            &["p1,https://x,2021-03-04 05:06:07 UTC,,kettles,0,Kettles,,All of them"],
        );
        let Line::Record(Record::Post(post)) = &posts[0] else {
            panic!("{posts:?}")
        };
        assert_eq!(
            (post.title.as_str(), post.selftext.as_str()),
            ("Kettles", "All of them")
        );
    }

    #[test]
    fn foreign_ids_link_to_each_other_and_their_conversation() {
        let got = rows(
            "utterance_id,reply_to,text,speaker",
            &[
                "L1.0-x,,Hello,ann",
                "L1.1-x,L1.0-x,Hi,bob",
                "L1.2-x,L1.1-x,Bye,ann",
            ],
        );
        let ids: Vec<i64> = got.iter().map(|l| comment(l).id).collect();
        assert!(ids.iter().all(|id| *id < 0));
        assert_eq!(comment(&got[2]).parent_id, Some(ids[1]));
        assert!(got.iter().all(|l| comment(l).link_id == ids[0]));
    }

    #[test]
    fn pandas_numbers_are_ids() {
        let got = rows(
            "id,parent_id,body,score",
            &["1,nan,a,3", "2,1.0,b,1.2k", "3,1.0,c,many"],
        );
        assert_eq!(comment(&got[1]).parent_id, Some(comment(&got[0]).id));
        assert_eq!(comment(&got[1]).score, Some(1200));
        assert!(matches!(&got[2], Line::Bad(reason) if reason.contains("many")));
    }

    #[test]
    fn table_of_pandas_is_read_as_the_same_json() {
        let header =
            "created,id,parent_id,link_id,body,score,score_hidden,created_utc,retrieved_on";
        let got = rows(
            header,
            &[
                "1600028800,j2af0af,t3_p1,t3_p1,Hot,1,True,1600000000,1600000100",
                "1600028800,j2af0ag,41497293111,t3_p1,Very,5,False,1600000000,1600000100",
                "1600028800,j2af0ah,41497293111.0,t3_p1,Not,5,0,1600000000,1600000100",
                "1600028800,j2af0ai,t1_j2af0af,t3_p1,So,5,1.0,1600000000,1600000100",
            ],
        );
        let scores: Vec<_> = got.iter().map(|line| comment(line).score).collect();
        assert_eq!(scores, [None, Some(5), Some(5), None]);
        let parents: Vec<_> = got[1..]
            .iter()
            .map(|line| comment(line).parent_id)
            .collect();
        assert_eq!(parents, [Some(comment(&got[0]).id); 3]);
        for line in &got {
            assert_eq!(comment(line).created_utc, Some(1_600_000_000));
            assert_eq!(comment(line).retrieved_utc, Some(1_600_000_100));
        }
    }

    #[test]
    fn entities_are_decoded_in_reddits_tables_only() {
        let body = |header: &str, row: &str| comment(&rows(header, &[row])[0]).body.clone();
        assert_eq!(
            body("id,parent_id,link_id,body", "c1,,p1,a &lt; b"),
            "a < b"
        );
        assert_eq!(body("id,parent_id,body", "1,,a &lt; b"), "a &lt; b");
    }

    #[test]
    fn column_named_comment_is_the_text_of_a_comment_with_an_id() {
        let got = rows(
            "Comment_ID,parent,comment",
            &["c1,t3_p1,Hot", "c2,t1_c1,Very"],
        );
        assert_eq!(comment(&got[1]).body, "Very");
        assert_eq!(comment(&got[1]).parent_id, Some(comment(&got[0]).id));
    }

    #[test]
    fn ambiguous_score_is_rejected_with_its_column() {
        let got = rows("id,parent_id,body,ups", &["c1,,Hot,1.234", "c2,,Hot,5 pts"]);
        let Line::Bad(reason) = &got[0] else {
            panic!("{got:?}")
        };
        let part = "score \"1.234\" in the column \"ups\" is ambiguous";
        assert!(reason.contains(part), "{reason}");
        assert_eq!(comment(&got[1]).score, Some(5));
    }

    #[test]
    fn table_of_pairs_is_not_a_table_of_comments() {
        let header = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        for text in [
            "comment,reply,score",
            "id,parent,comment",
            "comment_id,parent,comment,reply",
            "id,title,selftext,score",
            "id,text,label",
        ] {
            assert_eq!(guess(&header(text)), None, "{text}");
        }
    }
}
