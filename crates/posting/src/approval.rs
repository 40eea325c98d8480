//! What is approved: everything that was shown, under one hash, and nothing else.
//!
//! A front end shows a reply with its full text, the comment it answers, the subreddit and the account, and returns the
//! hash over these with the decision. The posting computes the hash again from the current rows within the transaction
//! that stores the decision, and refuses a difference.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use repartee_core::error::{Code, Error, Result};
use repartee_core::machine::Machine;
use repartee_core::sealed::{self, Origin, begins, digest};
use repartee_reddit::prepare_text;
use repartee_store::accounts::Account;
use repartee_store::outbox::Approval;
use repartee_store::queue::{Reply, ReplyState};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;
use crate::policy::hash;
use crate::rules::PostingRules;

const APPROVAL: &str = "approval";
/// Digits of each part's hash after the hash of everything: they tell what changed, and decide nothing.
const HINT: usize = 4;
/// The parts of what is shown, as named in messages.
const PARTS: [&str; 8] = [
    "the text",
    "the footer",
    "the comment it answers",
    "the author of that comment",
    "the title of the post",
    "the subreddit",
    "the account",
    "the permalink",
];

/// A reply as it is shown for a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    text: String,
    footer: String,
    comment: String,
    author: String,
    title: String,
    subreddit: String,
    post_name: String,
    parent_name: String,
    pub account: String,
    /// reddit, sandbox, or empty without an account.
    pub server: &'static str,
    posted_name: String,
    /// The text shown next to it: of a duplicate.
    beside: String,
}

impl Shown {
    /// The parts that do not depend on whether the reply is approved.
    fn of(reply: &Reply) -> Self {
        Self {
            comment: reply.comment.clone(),
            author: reply.author.clone().unwrap_or_default(),
            title: reply.title.clone(),
            subreddit: reply.subreddit.clone(),
            post_name: reply.post_name.clone().unwrap_or_default(),
            parent_name: reply.parent_name.clone().unwrap_or_default(),
            posted_name: reply.outbox.posted_name.clone().unwrap_or_default(),
            beside: match reply.outbox.code.as_str() {
                crate::duplicates::DUPLICATES => reply.outbox.detail.clone(),
                _ => String::new(),
            },
            ..Self::default()
        }
    }

    /// The reply as it was approved or sent.
    pub fn stored(reply: &Reply, server: &'static str) -> Self {
        let full_text = match reply.outbox.full_text.as_str() {
            "" => reply.text.as_str(),
            full_text => full_text,
        };
        let text = prepare_text(&reply.text).unwrap_or_default();
        let (text, footer) = match full_text.strip_prefix(text.as_str()) {
            Some(footer) => (text, footer.to_owned()),
            // not composed from the text: then the whole is the text
            None => (full_text.to_owned(), String::new()),
        };
        Self {
            text,
            footer,
            account: reply.outbox.account.clone(),
            server,
            ..Self::of(reply)
        }
    }

    /// The text as it is sent.
    pub fn full_text(&self) -> String {
        format!("{}{}", self.text, self.footer)
    }

    fn parts(&self) -> [Vec<&str>; PARTS.len()] {
        [
            vec![&self.text],
            vec![&self.footer],
            vec![&self.comment],
            vec![&self.author],
            vec![&self.title],
            vec![&self.subreddit, &self.post_name, &self.parent_name],
            vec![&self.account, self.server],
            vec![&self.posted_name, &self.beside],
        ]
    }

    /// The hash over everything.
    pub fn hash(&self) -> String {
        digest("shown", self.parts().into_iter().flatten())
    }

    fn hints(&self) -> impl Iterator<Item = String> {
        self.parts()
            .into_iter()
            .map(|part| digest("part", part)[..HINT].to_owned())
    }

    /// The hash, followed by a dash and the digits that tell which part changed.
    pub fn token(&self) -> String {
        let hints: String = self.hints().collect();
        format!("{}-{hints}", self.hash())
    }

    /// Compares it with what the user saw.
    ///
    /// # Errors
    /// [`Code::Changed`], naming what changed; [`Code::Usage`] if `seen` is no hash.
    pub fn check(&self, id: i64, seen: &str) -> Result<()> {
        let (given, hints) = seen.split_once('-').unwrap_or((seen, ""));
        if begins(&self.hash(), given)? {
            return Ok(());
        }
        let changed: Vec<&str> = self
            .hints()
            .enumerate()
            .filter(|(n, now)| {
                let was = hints.get(n * HINT..(n + 1) * HINT);
                was.is_some_and(|was| was != now)
            })
            .map(|(n, _)| PARTS[n])
            .collect();
        let what = match changed.as_slice() {
            [] => String::new(),
            [one] => format!(": {one} changed"),
            [most @ .., last] => format!(": {} and {last} changed", most.join(", ")),
        };
        Err(Error::new(
            Code::Changed,
            format!("reply {id} has changed since you reviewed it{what}; review it again"),
        ))
    }
}

/// Which Reddit an account is of.
pub(crate) fn server(account: Option<&Account>) -> &'static str {
    match account {
        None => "",
        Some(account) if account.host.is_empty() => "reddit",
        Some(_) => "sandbox",
    }
}

fn seal_parts<'a>(id: &'a str, outbox: [&'a str; 4], approved_ms: &'a str) -> [&'a str; 6] {
    let [seen, hash, parent_hash, who] = outbox;
    [id, seen, hash, parent_hash, who, approved_ms]
}

/// Why an approval does not hold (any more), as a code and a message; `None`: it does. `server` is that of the account
/// it was made for.
pub(crate) fn invalid(
    machine: &Machine,
    server: &'static str,
    reply: &Reply,
) -> Option<(&'static str, &'static str)> {
    const CHANGED: (&str, &str) = (
        "not-approved",
        "it was changed after it was approved; read it, and approve it again",
    );
    let outbox = &reply.outbox;
    let Some(approved_ms) = outbox
        .approved_ms
        .filter(|_| !outbox.approved_by.is_empty())
    else {
        return Some(("not-approved", "it has not been approved"));
    };
    let parts = [
        outbox.seen.as_str(),
        &outbox.hash,
        &outbox.parent_hash,
        &outbox.approved_by,
    ];
    let (id, at) = (reply.id.to_string(), approved_ms.to_string());
    let parts = seal_parts(&id, parts, &at);
    match sealed::origin(machine, &outbox.seal, APPROVAL, &parts) {
        Origin::Here => {}
        Origin::Elsewhere => {
            return Some((
                "other-machine",
                "it was approved on another machine; read it, and approve it here",
            ));
        }
        Origin::Unsealed => {
            return Some((
                "unsealed",
                "it was approved with an earlier version of Repartee; read it, and approve it again",
            ));
        }
        Origin::Altered => return Some(CHANGED),
        Origin::Replaced => {
            return Some((
                "not-approved",
                "its approval was replaced by a newer decision on this machine, in another copy of the project; read it, and approve it again",
            ));
        }
    }
    if hash(&outbox.full_text) != outbox.hash {
        return Some(CHANGED);
    }
    if hash(&reply.comment) != outbox.parent_hash {
        return Some((
            "changed-parent",
            "the comment was changed after the reply was approved; read it again",
        ));
    }
    (Shown::stored(reply, server).hash() != outbox.seen).then_some(CHANGED)
}

/// What replies are composed from: rules, accounts, and the names of generators. Read once for a list.
pub struct Composer<'a> {
    posting: Posting<'a>,
    rules: PostingRules,
    /// The account that posts.
    meant: Option<Account>,
    accounts: Vec<Account>,
    generators: RefCell<HashMap<i64, String>>,
    machine: OnceCell<Machine>,
}

impl Composer<'_> {
    fn machine(&self) -> Result<&Machine> {
        if let Some(machine) = self.machine.get() {
            return Ok(machine);
        }
        let machine = self.posting.machine()?;
        Ok(self.machine.get_or_init(|| machine))
    }

    /// The current name of a generation's generator, or its name when it was deleted.
    fn generator(&self, generation: i64) -> Result<String> {
        if let Some(name) = self.generators.borrow().get(&generation) {
            return Ok(name.clone());
        }
        let of = self.posting.store.generation(generation)?;
        let config: serde_json::Value = serde_json::from_str(&of.config).unwrap_or_default();
        let [generator, ..] = of.runs;
        let name = generator
            .or_else(|| config["generator"].as_str().map(str::to_owned))
            .unwrap_or_else(|| "GPT-2".to_owned());
        self.generators
            .borrow_mut()
            .insert(generation, name.clone());
        Ok(name)
    }

    /// The account of a name.
    fn account(&self, name: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.name.eq_ignore_ascii_case(name))
    }

    /// A reply as it would be approved now, with this text and for this account.
    fn composed(&self, reply: &Reply, text: &str, account: Option<&Account>) -> Result<Shown> {
        let footer = match account {
            Some(account) if self.rules.footer => {
                let filled = self
                    .rules
                    .footer_text
                    .replace("{model}", &self.generator(reply.generation_id)?)
                    .replace("{account}", &account.name)
                    .replace("{operator}", &account.operator);
                format!("\n\n{filled}")
            }
            _ => String::new(),
        };
        let prepare = |text: &str| prepare_text(text).map_err(repartee_reddit::Error::Text);
        let text = prepare(text)?;
        let footer = prepare(&format!("{text}{footer}"))?.split_off(text.len());
        Ok(Shown {
            text,
            footer,
            account: account.map(|a| a.name.clone()).unwrap_or_default(),
            server: server(account),
            ..Shown::of(reply)
        })
    }

    /// A reply as it would be approved now.
    ///
    /// # Errors
    /// [`Code::Refused`] if what it answers was purged; [`Code::Usage`] if the text is too long.
    fn to_approve(&self, reply: &Reply) -> Result<Shown> {
        if reply.parent_name.is_none() {
            return self.composed(reply, &reply.text, None);
        }
        if reply.comment.is_empty() {
            return Err(Error::new(
                Code::Refused,
                format!(
                    "reply {}: the text it answers was purged; it can no longer be posted",
                    reply.id
                ),
            ));
        }
        self.composed(reply, &reply.text, self.meant.as_ref())
    }

    /// A reply as it was approved or sent.
    fn stored(&self, reply: &Reply) -> Shown {
        Shown::stored(reply, server(self.account(&reply.outbox.account)))
    }

    /// Why an approved reply must be approved again; empty: no need, or it is not approved.
    fn again(&self, reply: &Reply) -> Result<&'static str> {
        if reply.state != ReplyState::Approved {
            return Ok("");
        }
        let server = server(self.account(&reply.outbox.account));
        let words = invalid(self.machine()?, server, reply).map_or("", |(_, words)| words);
        let no_account = reply.outbox.account.is_empty() && reply.parent_name.is_some();
        Ok(match words {
            "" if no_account && self.meant.is_some() => {
                "it was approved before there was an account to post with; approve it again"
            }
            words => words,
        })
    }

    /// What is shown of a reply, with its hash, and why it must be approved again. What cannot be approved is shown
    /// without a hash.
    pub fn shown(&self, reply: &Reply) -> Result<ShownReply> {
        let again = self.again(reply)?;
        let shown = match reply.state {
            ReplyState::Draft | ReplyState::Rejected | ReplyState::Cancelled => {
                self.to_approve(reply).ok()
            }
            ReplyState::Approved if !again.is_empty() => self.to_approve(reply).ok(),
            _ => Some(self.stored(reply)),
        };
        Ok(match shown {
            Some(shown) => ShownReply {
                full_text: shown.full_text(),
                account: shown.account.clone(),
                server: shown.server.to_owned(),
                seen: shown.token(),
                again: again.to_owned(),
            },
            None => ShownReply {
                full_text: reply.text.clone(),
                account: String::new(),
                server: String::new(),
                seen: String::new(),
                again: again.to_owned(),
            },
        })
    }

    fn approval(&self, reply: &Reply, shown: &Shown, who: &str, now_ms: i64) -> Result<Approval> {
        let full_text = shown.full_text();
        let (seen, text_hash, parent_hash) = (shown.hash(), hash(&full_text), hash(&reply.comment));
        let (id, at) = (reply.id.to_string(), now_ms.to_string());
        let parts = seal_parts(&id, [&seen, &text_hash, &parent_hash, who], &at);
        Ok(Approval {
            account: shown.account.clone(),
            subreddit: reply.subreddit.clone(),
            post_name: reply.post_name.clone(),
            parent_name: reply.parent_name.clone(),
            seal: sealed::seal(self.machine()?, APPROVAL, &parts),
            hash: text_hash,
            full_text,
            parent_hash,
            seen,
        })
    }
}

/// A reply as it is shown, and the hash to return with a decision about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ShownReply {
    /// The text as it is sent, with its footer; of a draft, as it would be.
    pub full_text: String,
    /// The account that posts it, or would; empty: none.
    pub account: String,
    /// Where that account posts: `reddit`, `sandbox`, or empty without an account.
    pub server: String,
    /// The hash over full text, comment, title, subreddit and account; empty: it cannot be approved.
    pub seen: String,
    /// Why an approved reply must be approved again; empty: no need.
    pub again: String,
}

impl<'a> Posting<'a> {
    /// What replies are composed from now.
    pub fn composer(self) -> Result<Composer<'a>> {
        Ok(Composer {
            posting: self,
            rules: self.posting_rules()?,
            meant: self.account_meant("").ok(),
            accounts: self.store.accounts()?,
            generators: RefCell::default(),
            machine: OnceCell::new(),
        })
    }

    /// A draft with the full text that it would be sent with for this account: no text of a draft is stored in full.
    ///
    /// # Errors
    /// [`Code::Usage`] if the text is empty or too long.
    pub(crate) fn as_sent(self, draft: &Reply, account: &Account) -> Result<Reply> {
        let shown = self
            .composer()?
            .composed(draft, &draft.text, Some(account))?;
        let mut sent = draft.clone();
        sent.outbox.full_text = shown.full_text();
        Ok(sent)
    }

    /// What is approved if `who`, who saw what `seen` is the hash of, approves this reply as it is now; `None` if all
    /// of that is already approved.
    pub fn approval_of(
        self,
        reply: &Reply,
        seen: &str,
        who: &str,
        now_ms: i64,
    ) -> Result<Option<Approval>> {
        let composer = self.composer()?;
        if reply.state == ReplyState::Approved
            && composer.again(reply)?.is_empty()
            && composer.stored(reply).check(reply.id, seen).is_ok()
        {
            return Ok(None);
        }
        let shown = composer.to_approve(reply)?;
        shown.check(reply.id, seen)?;
        composer.approval(reply, &shown, who, now_ms).map(Some)
    }

    /// Compares a reply as it is now with what the user saw of it.
    ///
    /// # Errors
    /// [`Code::Changed`], also if an approval no longer counts; [`Code::Usage`] if `seen` is no hash.
    pub fn seen_as_it_stands(self, reply: &Reply, seen: &str) -> Result<()> {
        let composer = self.composer()?;
        match composer.again(reply)? {
            "" => composer.stored(reply).check(reply.id, seen),
            why => Err(Error::new(
                Code::Changed,
                format!("reply {}: {why}", reply.id),
            )),
        }
    }

    /// Previews an edit of a posted reply on Reddit.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if it is not posted, or the text is empty or too long.
    pub fn rewrite_preview(self, id: i64, text: &str) -> Result<ShownReply> {
        let reply = self.store.reply(id)?;
        let (_, shown) = self.rewritten(&reply, text)?;
        Ok(ShownReply {
            full_text: shown.full_text(),
            account: shown.account.clone(),
            server: shown.server.to_owned(),
            seen: shown.token(),
            again: String::new(),
        })
    }

    /// The new text without its footer, and what is shown of a posted reply with it. The text that it replaces is part
    /// of that: with another old text it is another decision.
    fn rewritten(self, reply: &Reply, text: &str) -> Result<(String, Shown)> {
        if reply.state != ReplyState::Posted {
            return Err(Error::usage(format!(
                "reply {} is {}, not posted",
                reply.id,
                reply.state.as_str()
            )));
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::usage(
                "a reply cannot be empty; `repartee reddit withdraw` deletes it",
            ));
        }
        let composer = self.composer()?;
        let account = composer.account(&reply.outbox.account);
        let account = account.or(composer.meant.as_ref());
        let mut shown = composer.composed(reply, text, account)?;
        shown.beside = digest("instead of", [reply.outbox.full_text.as_str()]);
        Ok((text.to_owned(), shown))
    }

    /// What is approved if the user, who saw what `seen` is the hash of, edits a posted reply to this text.
    pub(crate) fn rewrite_of(
        self,
        reply: &Reply,
        text: &str,
        seen: &str,
        who: &str,
        now_ms: i64,
    ) -> Result<(String, Approval)> {
        let (text, shown) = self.rewritten(reply, text)?;
        shown.check(reply.id, seen)?;
        let approval = self.composer()?.approval(reply, &shown, who, now_ms)?;
        Ok((text, approval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown {
            text: "A text".into(),
            footer: "\n\nfooter".into(),
            comment: "why?".into(),
            title: "a title".into(),
            subreddit: "Quiet".into(),
            post_name: "t3_a".into(),
            parent_name: "t1_b".into(),
            account: "bot".into(),
            server: "reddit",
            ..Shown::default()
        }
    }

    #[test]
    fn hash_covers_every_shown_part_and_names_what_changed() {
        let before = shown();
        let token = before.token();
        before.check(6, &token).expect("the same");
        before.check(6, &token[..16]).expect("its beginning");
        type Change = fn(&mut Shown);
        let changes: [(Change, &str); 10] = [
            (|s| s.author.push('x'), "the author of that comment changed"),
            (|s| s.text.push('!'), "the text changed"),
            (|s| s.footer.push('!'), "the footer changed"),
            (|s| s.comment.push('!'), "the comment it answers changed"),
            (|s| s.title.push('!'), "the title of the post changed"),
            (|s| s.subreddit.push('x'), "the subreddit changed"),
            (|s| s.parent_name.push('x'), "the subreddit changed"),
            (|s| s.account.push('x'), "the account changed"),
            (|s| s.server = "sandbox", "the account changed"),
            (|s| s.posted_name.push_str("t1_x"), "the permalink changed"),
        ];
        for (change, words) in changes {
            let mut now = shown();
            change(&mut now);
            let error = now.check(6, &token).expect_err("refused");
            assert_eq!(error.code, Code::Changed);
            assert!(error.message.contains(words), "{error}");
            // without the digits that tell what changed, it is refused all the same
            let error = now.check(6, &token[..16]).expect_err("refused");
            assert_eq!(error.code, Code::Changed);
        }
        let mut both = shown();
        both.text.push('!');
        both.comment.push('!');
        let error = both.check(6, &token).expect_err("refused");
        let words = "the text and the comment it answers changed";
        assert!(error.message.contains(words), "{error}");
    }

    #[test]
    fn moving_words_between_parts_changes_the_hash() {
        let mut moved = shown();
        moved.text.push_str(&moved.footer.clone());
        moved.footer.clear();
        assert_eq!(moved.full_text(), shown().full_text());
        assert_ne!(moved.hash(), shown().hash());
    }
}
