//! JSON documents: answers of Reddit's API, and what scripts and archives store of them, read as a stream.
//!
//! A document is never held in memory as a whole: a comment is passed on as soon as its object ends. Recognized by
//! their shapes are listings with their replies, the answers of `morechildren` and of posting (`json.data.things`),
//! `{"data": [...]}` of an archive's API, recorded HTTP exchanges, threads with nested `comments` and `replies` (BDFR),
//! and lists of comments (see [`crate::flat`]).

use crate::{
    flat::{self, Earlier, Escapes, SLOTS, Slot, clear, escapes, put, slot_of},
    json::{Event, Json, JsonError, is_digits},
    ndjson::{Line, Loose, Meta, Raw},
    record::EXCERPT,
};
use std::{borrow::Cow, io::BufRead};

/// Maximum size of the texts in open objects, in bytes.
const OPEN_BYTES: usize = 64 << 20;
/// Maximum number of comments and posts, and of their bytes, that are buffered until it is known whether their texts
/// are escaped.
const HELD: usize = 2_000;
const HELD_BYTES: usize = 4 << 20;
/// Comments that wait for the id of the enclosing object, which some tools write last.
const WAITING: usize = 100_000;
/// Maximum number of bad elements before the first good one; beyond it, this is another kind of document.
pub(crate) const HOPELESS: u64 = 10_000;

/// Reads one or several concatenated documents and passes each comment and post to `found`, with an excerpt to identify
/// bad ones, until the end or until `found` returns false.
///
/// Reddit escapes its texts once (`&amp;`) unless it is asked for `raw_json=1`. Which of the two applies is detected
/// from the texts: one with a bare `<`, `>` or `&` is not escaped; the first character of a text in HTML also decides
/// it.
///
/// # Errors
/// See [`JsonError`].
pub fn walk<R: BufRead>(
    from: R,
    found: &mut dyn FnMut(Line, String) -> bool,
) -> Result<(), JsonError> {
    walk_after(&mut Earlier::default(), from, found)
}

/// As [`walk`], for a document that continues others.
///
/// # Errors
/// See [`JsonError`].
pub(crate) fn walk_after<R: BufRead>(
    earlier: &mut Earlier,
    from: R,
    found: &mut dyn FnMut(Line, String) -> bool,
) -> Result<(), JsonError> {
    Walk::new(false, earlier, found).all(Json::new(from))
}

/// What an object or array is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A comment, a post, or a container of them.
    Candidate,
    /// A thing's `data`; its `kind` is outside of it.
    Data,
    /// The answer in a recorded HTTP exchange.
    Response,
    Meta,
    Notes,
    /// An author with more than a name.
    Author,
}

/// The keys that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Kind,
    Data,
    Replies,
    Comments,
    Children,
    Things,
    Json,
    Request,
    Response,
    Meta,
    Notes,
    WasDeletedLater,
    WasInitiallyDeleted,
    RemovalType,
    String,
    Count,
    /// A field, and the rank of its name.
    Field(Slot, u8),
    Other,
}

fn key_of(name: &str) -> Key {
    match name {
        "kind" => Key::Kind,
        "data" => Key::Data,
        "replies" => Key::Replies,
        "comments" => Key::Comments,
        "children" => Key::Children,
        "things" => Key::Things,
        "json" => Key::Json,
        "request" => Key::Request,
        "response" => Key::Response,
        "meta" => Key::Meta,
        "_meta" => Key::Notes,
        "was_deleted_later" => Key::WasDeletedLater,
        "was_initially_deleted" => Key::WasInitiallyDeleted,
        "removal_type" => Key::RemovalType,
        "string" => Key::String,
        "count" => Key::Count,
        name => slot_of(name).map_or(Key::Other, |(slot, rank)| Key::Field(slot, rank)),
    }
}

/// An open object or array.
struct Frame {
    role: Role,
    object: bool,
    /// The key of the next value.
    key: Key,
    /// A scalar in this array is a bad row.
    report: bool,
    start: u64,
    thing: Box<Thing>,
}

/// What was read of an object.
#[derive(Default)]
struct Thing {
    raw: Raw<'static>,
    /// The ranks of the names under which fields were found.
    ranks: [Option<u8>; SLOTS],
    /// It has a field that only rows from Reddit have.
    of_reddit: bool,
    /// It is inside of another thing's replies or comments.
    nested: bool,
    bytes: usize,
    kind: Option<String>,
    data: Option<(u64, Box<Thing>)>,
    request: bool,
    response: Option<String>,
    /// It contains other things.
    wraps: bool,
    /// It is the stub of comments that are not in the listing.
    more: bool,
    /// Their number; 0: unknown.
    hidden: u64,
    /// The first keys, to identify it in messages.
    keys: Vec<String>,
    /// Nested comments that wait for its id.
    waiting: Vec<(u64, Box<Thing>, Key)>,
}

impl Thing {
    fn is_text(&self) -> bool {
        matches!(self.raw.body, Loose::Text(_)) || matches!(self.raw.title, Loose::Text(_))
    }

    fn id(&self) -> Option<Loose<'static>> {
        let id = match &self.raw.id {
            Loose::Absent | Loose::Null => &self.raw.name,
            id => id,
        };
        match id {
            Loose::Text(text) => Some(Loose::Text(Cow::Owned(text.clone().into_owned()))),
            Loose::Int(n) => Some(Loose::Int(*n)),
            _ => None,
        }
    }

    /// Puts a value into its field. Of several names for it, the best that is not null counts, in any order.
    fn put(&mut self, slot: Slot, rank: u8, value: Loose<'static>) {
        let before = &mut self.ranks[slot as usize];
        if value.is_set() && before.is_none_or(|before| rank <= before) {
            *before = Some(rank);
            clear(&mut self.raw, slot);
        }
        put(&mut self.raw, slot, value);
    }

    fn excerpt(&self) -> String {
        let text = match (&self.raw.body, &self.raw.title) {
            (Loose::Text(text), _) | (_, Loose::Text(text)) => text.chars().take(EXCERPT).collect(),
            _ => String::new(),
        };
        let mut excerpt = match text.is_empty() {
            false => text,
            true => format!("{{{}}}", self.keys.join(", ")),
        };
        match self.id() {
            Some(Loose::Text(id)) => excerpt.push_str(&format!(" \"id\":\"{id}\"")),
            Some(Loose::Int(id)) => excerpt.push_str(&format!(" \"id\":\"{id}\"")),
            _ => {}
        }
        excerpt
    }
}

struct Walk<'a> {
    frames: Vec<Frame>,
    started: u64,
    /// Bytes of texts in open objects.
    open: usize,
    /// In the order in which they ended: where each began, its fields, and whether it is one of Reddit's.
    held: Vec<(u64, Box<Thing>, bool)>,
    held_bytes: usize,
    /// Comments that wait for the id of the enclosing object.
    waiting: usize,
    escaped: Option<bool>,
    entities: bool,
    /// Only Reddit's own things: in a recorded exchange, most answers contain none.
    quiet: bool,
    earlier: &'a mut Earlier,
    good: u64,
    bad: u64,
    stopped: bool,
    found: &'a mut dyn FnMut(Line, String) -> bool,
}

impl<'a> Walk<'a> {
    fn new(
        quiet: bool,
        earlier: &'a mut Earlier,
        found: &'a mut dyn FnMut(Line, String) -> bool,
    ) -> Self {
        Self {
            frames: Vec::new(),
            started: 0,
            open: 0,
            held: Vec::new(),
            held_bytes: 0,
            waiting: 0,
            escaped: None,
            entities: false,
            quiet,
            earlier,
            good: 0,
            bad: 0,
            stopped: false,
            found,
        }
    }

    fn all<R: BufRead>(mut self, mut json: Json<R>) -> Result<(), JsonError> {
        let read = self.read(&mut json);
        // what came before an error is good
        self.give();
        read
    }

    fn read<R: BufRead>(&mut self, json: &mut Json<R>) -> Result<(), JsonError> {
        while let Some(event) = json.next_event()? {
            match event {
                Event::Object | Event::Array => match self.role(event) {
                    Some(role) => self.begin(role, event == Event::Object),
                    None => json.skip(event)?,
                },
                Event::Key => self.key(&json.text()),
                Event::End => self.end(),
                Event::Text => self.scalar(|| Loose::Text(Cow::Owned(json.text().into_owned()))),
                Event::Number => self.scalar(|| {
                    let text = json.text();
                    match text.parse() {
                        Ok(n) => Loose::Int(n),
                        // an id beyond 63 bits keeps its digits
                        Err(_) if is_digits(&text) => Loose::Text(Cow::Owned(text.into_owned())),
                        Err(_) => text.parse().map_or(Loose::Null, Loose::Float),
                    }
                }),
                Event::Bool(b) => self.scalar(|| Loose::Bool(b)),
                Event::Null => self.scalar(|| Loose::Null),
            }
            if self.open > OPEN_BYTES {
                let what = format!(
                    "the texts of nested comments have more than {} MB",
                    OPEN_BYTES >> 20
                );
                return Err(JsonError::TooLarge {
                    line: json.line(),
                    what,
                });
            }
            if self.bad >= HOPELESS && self.good == 0 {
                let what = format!("none of the first {HOPELESS} elements is a comment or a post");
                return Err(JsonError::Syntax {
                    line: json.line(),
                    what,
                });
            }
            if self.stopped {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What the object or array that begins is read as; `None`: it is skipped.
    fn role(&self, event: Event) -> Option<Role> {
        let Some(frame) = self.frames.last() else {
            return Some(Role::Candidate);
        };
        if !frame.object {
            return (frame.role == Role::Candidate).then_some(Role::Candidate);
        }
        let things = matches!(frame.role, Role::Candidate | Role::Data);
        // karma lists, users, awards: no texts of comments or posts
        let other_kind = frame
            .thing
            .kind
            .as_deref()
            .is_some_and(|kind| !matches!(kind, "Listing" | "t1" | "t3" | "more"));
        match frame.key {
            Key::Data if things && other_kind => None,
            Key::Data if things && event == Event::Object => Some(Role::Data),
            Key::Data | Key::Replies | Key::Comments | Key::Children | Key::Things | Key::Json
                if things =>
            {
                Some(Role::Candidate)
            }
            Key::Response if things => Some(Role::Response),
            Key::Field(Slot::Text, _) if frame.role == Role::Response => Some(Role::Response),
            Key::Field(Slot::Author, _) if things && event == Event::Object => Some(Role::Author),
            Key::Meta if things => Some(Role::Meta),
            Key::Notes if things => Some(Role::Notes),
            _ => None,
        }
    }

    fn begin(&mut self, role: Role, object: bool) {
        let report = self.frames.last().is_none_or(|f| {
            if f.object {
                f.key == Key::Data
            } else {
                f.report
            }
        });
        if let Some(frame) = self.frames.last_mut()
            && matches!(role, Role::Candidate | Role::Data)
        {
            frame.thing.wraps = true;
        }
        self.started += 1;
        self.frames.push(Frame {
            role,
            object,
            key: Key::Other,
            report,
            start: self.started,
            thing: Box::default(),
        });
    }

    fn key(&mut self, name: &str) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        frame.key = key_of(name);
        frame.thing.request |= frame.key == Key::Request;
        frame.thing.of_reddit |= flat::is_of_reddit(name);
        if frame.thing.keys.len() < 8 {
            frame.thing.keys.push(name.chars().take(40).collect());
        }
    }

    fn scalar(&mut self, value: impl FnOnce() -> Loose<'static>) {
        let Some(frame) = self.frames.last_mut() else {
            return self.bad_value();
        };
        if !frame.object {
            frame.thing.hidden += 1;
            if frame.report && frame.role == Role::Candidate {
                self.bad_value();
            }
            return;
        }
        let thing = &mut frame.thing;
        let before = thing.bytes;
        match (frame.role, frame.key) {
            (Role::Candidate | Role::Data, Key::Kind) => {
                if let Loose::Text(kind) = value() {
                    thing.kind = Some(kind.chars().take(40).collect());
                }
            }
            (Role::Candidate | Role::Data | Role::Author, Key::Field(slot, rank)) => {
                let value = value();
                if let Loose::Text(text) = &value {
                    thing.bytes += text.len();
                }
                thing.put(slot, rank, value);
            }
            (Role::Data, Key::Count) => {
                let count = value().number().unwrap_or(0);
                thing.hidden = thing.hidden.max(count.unsigned_abs());
            }
            (Role::Response, Key::Field(Slot::Text, _) | Key::String) => {
                if let Loose::Text(text) = value() {
                    thing.bytes += text.len();
                    thing.response = Some(text.into_owned());
                }
            }
            (
                Role::Meta,
                Key::Field(slot @ (Slot::Score | Slot::Subreddit | Slot::Permalink), _),
            ) => put(&mut thing.raw, slot, value()),
            (Role::Notes, Key::WasDeletedLater) => notes(thing).was_deleted_later = value(),
            (Role::Notes, Key::WasInitiallyDeleted) => notes(thing).was_initially_deleted = value(),
            (Role::Notes, Key::RemovalType) => notes(thing).removal_type = value(),
            _ => {}
        }
        self.open += frame.thing.bytes - before;
    }

    fn bad_value(&mut self) {
        if !self.quiet {
            self.give();
            self.bad += 1;
            let line = Line::Bad("is neither an object nor an array".into());
            self.stopped |= !(self.found)(line, String::new());
        }
    }

    fn end(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        if !frame.object {
            // the ids in the `children` of a "more"
            if let Some(parent) = self.frames.last_mut().filter(|f| f.key == Key::Children) {
                parent.thing.hidden = parent.thing.hidden.max(frame.thing.hidden);
            }
            return;
        }
        let mut thing = frame.thing;
        let parent = self.frames.last_mut().filter(|parent| parent.object);
        match (frame.role, parent) {
            (Role::Data, Some(parent)) => parent.thing.data = Some((frame.start, thing)),
            (Role::Response, Some(parent)) => {
                parent.thing.bytes += thing.bytes;
                parent.thing.response = thing.response;
            }
            (Role::Meta, Some(parent)) => {
                parent.thing.of_reddit |= thing.of_reddit;
                for (slot, value) in [
                    (Slot::Score, thing.raw.score),
                    (Slot::Subreddit, thing.raw.subreddit),
                    (Slot::Permalink, thing.raw.permalink),
                ] {
                    put(&mut parent.thing.raw, slot, value);
                }
            }
            (Role::Notes, Some(parent)) => parent.thing.raw.meta = thing.raw.meta,
            (Role::Author, Some(parent)) => {
                parent.thing.bytes += thing.bytes;
                if let Key::Field(slot, rank) = parent.key {
                    parent.thing.put(slot, rank, name_of(thing.raw));
                }
            }
            _ => {
                let reddits = matches!(thing.kind.as_deref(), Some("t1" | "t3"));
                match thing.data.take() {
                    Some((start, data)) if reddits => self.emit(start, data, true),
                    Some((start, data)) if thing.kind.is_none() && data.is_text() => {
                        self.emit(start, data, false);
                    }
                    // in a recorded exchange, later answers contain what it stands for
                    Some((start, mut data))
                        if thing.kind.as_deref() == Some("more") && !self.quiet =>
                    {
                        data.more = true;
                        let inner = std::mem::take(&mut data.waiting);
                        self.waiting -= inner.len();
                        for (start, inner, _) in inner {
                            self.place(start, inner);
                        }
                        self.hold(start, data, false);
                    }
                    Some((_, data)) => self.drop_thing(*data),
                    None if thing.request && thing.response.is_some() => {
                        self.exchange(thing.response.take().unwrap_or_default());
                    }
                    // a kind whose data were skipped: a user, an award
                    None if thing.is_text() || !thing.wraps && thing.kind.is_none() => {
                        return self.emit(frame.start, thing, false);
                    }
                    None => {}
                }
                self.drop_thing(*thing);
            }
        }
    }

    /// Drops an object that is neither comment nor post; nested comments are passed on without its id.
    fn drop_thing(&mut self, thing: Thing) {
        self.open = self.open.saturating_sub(thing.bytes);
        if let Some((_, data)) = thing.data {
            self.open = self.open.saturating_sub(data.bytes);
        }
        self.waiting -= thing.waiting.len();
        for (start, inner, _) in thing.waiting {
            self.place(start, inner);
        }
    }

    /// The answer of a recorded exchange; most are no listing (a token, an error page).
    fn exchange(&mut self, body: String) {
        self.give();
        if !body.trim_start().starts_with(['{', '[']) {
            return;
        }
        let (mut good, mut stopped) = (0, false);
        let found = &mut *self.found;
        let _ = Walk::new(true, self.earlier, &mut |line, excerpt| {
            good += u64::from(!matches!(line, Line::Bad(_)));
            stopped |= !found(line, excerpt);
            !stopped
        })
        .all(Json::new(body.as_bytes()));
        self.good += good;
        self.stopped |= stopped;
    }

    /// Passes on an object that is, or should be, a comment or a post.
    fn emit(&mut self, start: u64, mut thing: Box<Thing>, reddits: bool) {
        if self.quiet && !reddits {
            return self.drop_thing(*thing);
        }
        self.waiting -= thing.waiting.len();
        for (inner_start, mut inner, key) in std::mem::take(&mut thing.waiting) {
            inherit(&mut inner.raw, &thing, key);
            self.place(inner_start, inner);
        }
        if reddits {
            self.hold(start, thing, true);
        } else {
            self.place(start, thing);
        }
    }

    /// Gives a nested comment the ids that it does not name itself; it waits if the enclosing object has not named its
    /// own yet.
    fn place(&mut self, start: u64, mut thing: Box<Thing>) {
        if !matches!(thing.raw.body, Loose::Text(_)) || !thing.raw.id.is_set() {
            return self.hold(start, thing, false);
        }
        for frame in self.frames.iter_mut().rev().filter(|f| f.object) {
            if !matches!(frame.key, Key::Replies | Key::Comments) {
                continue;
            }
            thing.nested = true;
            let needs_parent = !thing.raw.parent_id.is_set() && frame.key == Key::Replies;
            if thing.raw.link_id.is_set() && !needs_parent {
                break;
            }
            if frame.thing.id().is_none() {
                if self.waiting < WAITING {
                    self.waiting += 1;
                    let key = frame.key;
                    thing.keys = Vec::new(); // it is a comment, recognized by its text
                    return frame.thing.waiting.push((start, thing, key));
                }
                break;
            }
            inherit(&mut thing.raw, &frame.thing, frame.key);
        }
        self.hold(start, thing, false);
    }

    fn hold(&mut self, start: u64, thing: Box<Thing>, reddits: bool) {
        self.open = self.open.saturating_sub(thing.bytes);
        self.weigh(&thing.raw);
        self.held_bytes += thing.bytes;
        self.held.push((start, thing, reddits));
        if self.held.len() >= HELD || self.held_bytes >= HELD_BYTES {
            self.give();
        }
    }

    /// Checks whether this text tells if texts are escaped.
    fn weigh(&mut self, raw: &Raw) {
        if self.escaped.is_some() {
            return;
        }
        if let Loose::Text(html) = &raw.html {
            self.escaped = match html.trim_start() {
                html if html.starts_with('<') => Some(false),
                html if html.starts_with("&lt;") => Some(true),
                _ => None,
            };
        }
        for field in [&raw.body, &raw.title, &raw.selftext] {
            if let (Loose::Text(text), None) = (field, self.escaped) {
                match escapes(text) {
                    Escapes::Bare => self.escaped = Some(false),
                    Escapes::Some => self.entities = true,
                    Escapes::None => {}
                }
            }
        }
    }

    /// Passes on what is buffered, in document order.
    fn give(&mut self) {
        // Without evidence to the contrary, `&amp;` is more likely an escape than typed by the author.
        if self.escaped.is_none() && self.entities {
            self.escaped = Some(true);
        }
        let entities = self.escaped == Some(true);
        let mut held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        held.sort_by_key(|(start, ..)| *start);
        for (_, thing, reddits) in held {
            if self.stopped {
                return;
            }
            let excerpt = thing.excerpt();
            // a row by itself is read as the same row of a table is
            let row = !thing.nested && !thing.wraps;
            let line = match reddits {
                _ if thing.more => hidden(thing.hidden),
                true => thing.raw.into_line(entities),
                false => {
                    let entities = match row {
                        true => thing.of_reddit && flat::may_be_escaped(&thing.raw),
                        false => entities,
                    };
                    flat::line(thing.raw, "score", entities, self.earlier)
                }
            };
            match line {
                Line::Bad(_) => self.bad += 1,
                _ => self.good += 1,
            }
            self.stopped |= !(self.found)(line, excerpt);
        }
    }
}

/// The line for the stub of comments that the listing does not contain.
fn hidden(comments: u64) -> Line {
    let what = match comments {
        0 => "further replies".to_owned(),
        1 => "1 comment".to_owned(),
        n => format!("{n} comments"),
    };
    Line::Bad(format!(
        "stands for {what} that this listing does not contain (\"more\")"
    ))
}

fn notes(thing: &mut Thing) -> &mut Meta<'static> {
    thing.raw.meta.get_or_insert_with(Meta::default)
}

/// The name of an author with more than a name; for some tools, the name is the id.
fn name_of(author: Raw<'static>) -> Loose<'static> {
    let named = [author.name, author.author, author.id];
    match named.into_iter().find(Loose::is_set) {
        Some(Loose::Int(id)) => Loose::Text(Cow::Owned(id.to_string())),
        Some(name) => name,
        None => Loose::Null,
    }
}

/// Fills in the ids that a comment does not name from the object whose `replies` or `comments` it is in.
fn inherit(raw: &mut Raw<'static>, around: &Thing, key: Key) {
    let Some(id) = around.id() else { return };
    match key {
        Key::Replies => {
            put(raw, Slot::Parent, id);
            if let Loose::Text(link) = &around.raw.link_id {
                put(
                    raw,
                    Slot::Link,
                    Loose::Text(Cow::Owned(link.clone().into_owned())),
                );
            }
        }
        _ => put(raw, Slot::Link, id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Comment, Record};

    fn lines(json: &str) -> Vec<Line> {
        let mut out = Vec::new();
        walk(json.as_bytes(), &mut |line, _| {
            out.push(line);
            true
        })
        .unwrap();
        out
    }

    fn bodies(json: &str) -> Vec<String> {
        lines(json)
            .into_iter()
            .filter_map(|line| match line {
                Line::Record(Record::Comment(c)) => Some(c.body),
                Line::Record(Record::Post(p)) => Some(p.title),
                Line::Bad(reason) => Some(format!("bad: {reason}")),
                Line::DeletedLater(_) => None,
            })
            .collect()
    }

    fn comments(json: &str) -> Vec<Comment> {
        lines(json)
            .into_iter()
            .filter_map(|line| match line {
                Line::Record(Record::Comment(c)) => Some(c),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn listing_is_read_with_its_replies() {
        let json = r#"[{"kind":"Listing","data":{"children":[
              {"kind":"t3","data":{"id":"p1","title":"T"}}]}},
            {"kind":"Listing","data":{"children":[
              {"kind":"t1","data":{"id":"c1","link_id":"t3_p1","parent_id":"t3_p1","body":"a &amp; b",
                "body_html":"<div>a &amp;amp; b</div>",
                "replies":{"kind":"Listing","data":{"children":[
                  {"kind":"t1","data":{"id":"c2","link_id":"t3_p1","parent_id":"t1_c1","body":"c","replies":""}},
                  {"kind":"more","data":{"id":"_","children":["c3","c4"]}}]}}}}]}}]"#;
        let more = "bad: stands for 2 comments that this listing does not contain (\"more\")";
        assert_eq!(bodies(json), ["T", "a &amp; b", "c", more]);
    }

    #[test]
    fn comments_hidden_behind_more_are_named() {
        for more in [
            r#"{"kind":"more","data":{"count":938,"id":"c3","children":["c3","c4"]}}"#,
            r#"{"data":{"children":["c3","c4"],"count":938},"kind":"more"}"#,
        ] {
            let json = format!(
                r#"{{"kind":"Listing","data":{{"children":[
                  {{"kind":"t1","data":{{"id":"c1","link_id":"t3_p1","body":"a"}}}},{more}]}}}}"#
            );
            let reason =
                "bad: stands for 938 comments that this listing does not contain (\"more\")";
            assert_eq!(bodies(&json), ["a", reason]);
        }
        let one = r#"[{"kind":"t1","data":{"id":"c1","link_id":"p","body":"a"}},{"kind":"more","data":{"count":0,"children":[]}}]"#;
        assert_eq!(
            bodies(one)[1],
            "bad: stands for further replies that this listing does not contain (\"more\")"
        );
    }

    #[test]
    fn ids_beyond_63_bits_keep_their_digits() {
        let id = |n: &str| comments(&format!(r#"[{{"id":{n},"text":"a","reply_to":null}}]"#))[0].id;
        assert_eq!(id("12345678901234567890"), id("\"12345678901234567890\""));
        assert_ne!(id("12345678901234567890"), id("12345678901234567891"));
    }

    #[test]
    fn escaped_texts_are_unescaped_once() {
        let thing = |body: &str, html: &str| {
            format!(
                r#"{{"data":{{"id":"c1","link_id":"t3_p1","body":"{body}","body_html":{html}}},"kind":"t1"}}"#
            )
        };
        let both = |first: &str, second: &str| format!("[{first},{second}]");
        let escaped = both(
            &thing("1 &lt; 2 &amp;amp; 3", "null"),
            &thing("plain", r#""&lt;div&gt;plain""#),
        );
        assert_eq!(bodies(&escaped), ["1 < 2 &amp; 3", "plain"]);
        assert_eq!(
            bodies(&thing("5 &gt; 3", "null")),
            ["5 > 3"],
            "no text shows otherwise"
        );
        let typed = both(
            &thing("write &amp;lt; for it", "null"),
            &thing("1 < 2", "null"),
        );
        assert_eq!(bodies(&typed), ["write &amp;lt; for it", "1 < 2"]);
    }

    #[test]
    fn answers_of_recorded_exchanges_are_read() {
        let json = r#"[{"request":{},"response":{"status":200,"body":"{\"access_token\":\"x\"}"}},
            {"request":{},"response":{"body":"<html>"}},
            {"request":{},"response":{"body":"{\"json\":{\"errors\":[],\"data\":{\"things\":[{\"kind\":\"t1\",\"data\":{\"id\":\"c1\",\"link_id\":\"t3_p1\",\"body\":\"B\"}}]}}}"}},
            {"request":{},"response":{"body":"{\"kind\":\"Listing\",\"data\":{\"children\":[{\"kind\":\"t3\",\"data\":{\"id\":\"p1\",\"title\":\"T\"}}]}}"}}]"#;
        assert_eq!(bodies(json), ["B", "T"]);
    }

    #[test]
    fn archive_answers_are_escaped() {
        let json = r#"{"data":[{"id":"c1","link_id":"t3_p1","body":"a &amp; b"},{"id":"c2"}]}"#;
        let got = bodies(json);
        assert_eq!(got[0], "a & b");
        assert!(got[1].starts_with("bad: "));
    }

    #[test]
    fn the_things_of_morechildren_are_comments() {
        let json = r#"{"json":{"errors":[],"data":{"things":[
            {"kind":"t1","data":{"id":"c1","link_id":"t3_p1","parent_id":"t1_c0","body":"one","created":5,"created_utc":1600000000}},
            {"kind":"more","data":{"id":"_","children":[]}},
            {"data":{"body":"two","id":"c2","link_id":"t3_p1","parent_id":"t1_c1"},"kind":"t1"}]}}}"#;
        let got = comments(json);
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].created_utc, Some(1_600_000_000));
        assert_eq!(got[1].parent_id, Some(got[0].id));
    }

    #[test]
    fn threads_with_nested_comments_are_read() {
        // one names its parents; the other relies on nesting, and its id comes last
        let named = r#"{"title":"T","id":"p1","permalink":"/r/kettles/comments/p1/t/","comments":[
            {"id":"c1","submission":"p1","parent_id":"t3_p1","body":"a","author":"ann","replies":[
              {"id":"c2","submission":"p1","parent_id":"t1_c1","body":"b","author":"DELETED","replies":[]}]}]}"#;
        let bare = r#"{"title":"T","comments":[{"body":"a","replies":[{"id":"c2","body":"b","replies":[]}],"id":"c1"}],"id":"p1"}"#;
        for json in [named, bare] {
            assert_eq!(lines(json).len(), 3, "{json}");
            let mut got = comments(json);
            got.sort_by_key(|c| c.id);
            let post = crate::id::decode("p1").unwrap();
            assert_eq!((got[0].parent_id, got[0].link_id), (None, post), "{json}");
            assert_eq!(
                (got[1].parent_id, got[1].link_id),
                (Some(got[0].id), post),
                "{json}"
            );
        }
        assert_eq!(comments(named)[1].author.as_deref(), Some("[deleted]"));
        let Line::Record(Record::Post(post)) = &lines(named)[0] else {
            panic!()
        };
        assert_eq!(post.subreddit, "kettles");
    }

    #[test]
    fn best_name_counts_in_any_order_and_letter_case() {
        for json in [
            r#"{"id":"c1","created":5,"Created_UTC":1600000000,"root":"x","Post_ID":"p1","text":"a","BODY":"b"}"#,
            r#"{"BODY":"b","text":"a","Post_ID":"p1","root":"x","Created_UTC":1600000000,"created":5,"id":"c1"}"#,
        ] {
            let got = comments(json).remove(0);
            assert_eq!(
                (got.body.as_str(), got.created_utc),
                ("b", Some(1_600_000_000))
            );
            assert_eq!(got.link_id, crate::id::decode("p1").unwrap(), "{json}");
        }
    }

    #[test]
    fn row_from_reddit_is_unescaped_unless_it_shows_otherwise() {
        for (fields, body) in [
            (r#""text":"1 &lt; 2","meta":{"subreddit":"k"}"#, "1 < 2"),
            (r#""text":"1 &lt; 2","Link_ID":"p1""#, "1 < 2"),
            (
                r#""text":"1 < 2, not &lt;","link_id":"p1""#,
                "1 < 2, not &lt;",
            ),
            (r#""text":"1 &lt; 2""#, "1 &lt; 2"),
        ] {
            assert_eq!(bodies(&format!(r#"[{{"id":"c1",{fields}}}]"#)), [body]);
        }
    }

    #[test]
    fn author_may_be_an_object() {
        for (author, name) in [
            (r#""speaker":{"id":"ann","meta":{"name":"x"}}"#, "ann"),
            (r#""author":{"id":7,"name":"u/ann"}"#, "ann"),
            (r#""user":{"username":"ann"},"author":null"#, "ann"),
            (r#""author":{"id":7}"#, "7"),
        ] {
            let got = comments(&format!(r#"[{{"id":"c1","text":"a",{author}}}]"#));
            assert_eq!(got[0].author.as_deref(), Some(name), "{author}");
        }
    }

    #[test]
    fn replies_are_read_at_any_depth() {
        let depth = 10_000;
        let mut json = String::new();
        for n in 0..depth {
            json.push_str(&format!(
                r#"{{"kind":"Listing","data":{{"children":[{{"kind":"t1","data":{{"id":"c{n}","link_id":"t3_p","body":"x","replies":"#
            ));
        }
        json.push_str("\"\"");
        json.push_str(&"}}]}}".repeat(depth));
        assert_eq!(comments(&json).len(), depth);
    }

    #[test]
    fn document_of_another_kind_is_given_up_early() {
        let json = format!("[{}0]", "0,".repeat(1_000_000));
        let mut rows = 0;
        let error = walk(json.as_bytes(), &mut |_, _| {
            rows += 1;
            true
        })
        .unwrap_err();
        assert!(error.to_string().contains("none of the first"), "{error}");
        assert_eq!(rows, HOPELESS);
    }

    #[test]
    fn texts_in_open_objects_have_a_limit() {
        let text = "x".repeat(8 << 20);
        let inside = format!(r#"{{"id":"c1","body":"{text}","replies":["#);
        let json = inside.repeat(OPEN_BYTES / text.len() + 1);
        let error = walk(json.as_bytes(), &mut |_, _| true).unwrap_err();
        assert!(
            error.to_string().contains("the texts of nested comments"),
            "{error}"
        );
    }

    /// How much of a document was read when its first comment was given on.
    fn read_before_the_first(json: &str) -> usize {
        let read = std::cell::Cell::new(0);
        let mut first = None;
        let counted = LossMask {
            from: json.as_bytes(),
            read: &read,
        };
        walk(std::io::BufReader::new(counted), &mut |_, _| {
            first.get_or_insert(read.get());
            true
        })
        .unwrap();
        first.unwrap()
    }

    struct LossMask<'a> {
        from: &'a [u8],
        read: &'a std::cell::Cell<usize>,
    }

    impl std::io::Read for LossMask<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = self.from.read(buffer)?;
            self.read.set(self.read.get() + n);
            Ok(n)
        }
    }

    #[test]
    fn few_comments_are_held_until_it_is_known_whether_they_are_escaped() {
        // no text tells; many short ones, and fewer long ones
        let comment = |text: &str| {
            format!(r#"{{"kind":"t1","data":{{"id":"c1","link_id":"t3_p1","body":"{text}"}}}},"#)
        };
        let short = comment("x");
        let json = format!("[{}{{}}]", short.repeat(4 * HELD));
        let read = read_before_the_first(&json);
        assert!(read < 2 * HELD * short.len(), "{read} of {}", json.len());
        let long = comment(&"x".repeat(HELD_BYTES / 8));
        let json = format!("[{}{{}}]", long.repeat(32));
        let read = read_before_the_first(&json);
        assert!(read < 2 * HELD_BYTES, "{read} of {}", json.len());
    }

    #[test]
    fn few_comments_wait_for_the_id_of_the_object_around_them() {
        let comment = r#"{"id":"c1","body":"x"},"#;
        let json = format!(
            r#"{{"title":"T","comments":[{}{{"id":"c2","body":"x"}}],"id":"p1"}}"#,
            comment.repeat(2 * WAITING)
        );
        let read = read_before_the_first(&json);
        assert!(read < json.len() * 3 / 4, "{read} of {}", json.len());
    }
}
