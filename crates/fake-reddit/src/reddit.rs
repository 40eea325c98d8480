//! Reddit's calls, and the answers to them.

use serde_json::{Value, json};

use crate::fault::{Fault, On};
use crate::json::{account, error, listing, order, things};
use crate::serve::{Answer, Asked};
use crate::world::{
    AppKind, Authorize, Grant, OTP, Post, Refresh, Seen, Token, Window, World, bare,
};

/// A call, with its path parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Authorize,
    Token,
    Revoke,
    Me,
    About(String),
    Rules(String),
    Rising(String),
    Comments {
        post: String,
        comment: Option<String>,
    },
    MoreChildren,
    Info,
    UserComments(String),
    Comment,
    Edit,
    Del,
    Nothing,
}

impl Call {
    /// Which call a request is.
    pub fn of(asked: &Asked) -> Self {
        let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
        match (asked.method.as_str(), parts.as_slice()) {
            (_, ["api", "v1", "authorize"]) => Self::Authorize,
            ("POST", ["api", "v1", "access_token"]) => Self::Token,
            ("POST", ["api", "v1", "revoke_token"]) => Self::Revoke,
            ("GET", ["api", "v1", "me"]) => Self::Me,
            ("GET", ["r", name, "about"]) => Self::About((*name).to_owned()),
            ("GET", ["r", name, "about", "rules"]) => Self::Rules((*name).to_owned()),
            ("GET", ["r", names, "rising"]) => Self::Rising((*names).to_owned()),
            ("GET", ["comments", post]) | ("GET", ["r", _, "comments", post]) => Self::Comments {
                post: (*post).to_owned(),
                comment: None,
            },
            ("GET", ["comments", post, _, comment])
            | ("GET", ["r", _, "comments", post, _, comment]) => Self::Comments {
                post: (*post).to_owned(),
                comment: Some((*comment).to_owned()),
            },
            (_, ["api", "morechildren"]) => Self::MoreChildren,
            ("GET", ["api", "info"]) => Self::Info,
            ("GET", ["user", name, "comments"]) => Self::UserComments((*name).to_owned()),
            ("POST", ["api", "comment"]) => Self::Comment,
            ("POST", ["api", "editusertext"]) => Self::Edit,
            ("POST", ["api", "del"]) => Self::Del,
            _ => Self::Nothing,
        }
    }

    /// Its kind, for fault rules.
    pub fn on(&self) -> On {
        match self {
            Self::Authorize => On::Authorize,
            Self::Token => On::Token,
            Self::Revoke => On::Revoke,
            Self::Me => On::Me,
            Self::About(_) => On::About,
            Self::Rules(_) => On::Rules,
            Self::Rising(_) => On::Rising,
            Self::Comments { .. } => On::Comments,
            Self::MoreChildren => On::MoreChildren,
            Self::Info => On::Info,
            Self::UserComments(_) => On::UserComments,
            Self::Comment => On::Comment,
            Self::Edit => On::Edit,
            Self::Del => On::Del,
            Self::Nothing => On::Nothing,
        }
    }

    /// The scope that it needs.
    fn scope(&self) -> &'static str {
        match self {
            Self::Me => "identity",
            Self::UserComments(_) => "history",
            Self::Comment => "submit",
            Self::Edit | Self::Del => "edit",
            _ => "read",
        }
    }
}

/// Prefixes of a User-Agent that identify a library instead of a program.
const LIBRARIES: [&str; 6] = [
    "python-requests",
    "python-urllib",
    "reqwest",
    "curl/",
    "go-http-client",
    "java/",
];

impl World {
    /// Records a call and returns its index.
    pub(crate) fn note(&mut self, call: &Call, asked: &Asked, fault: Option<Fault>) -> usize {
        let bearer = bearer(asked).and_then(|token| self.tokens.get(token));
        let seen = Seen {
            on: call.on(),
            ms: self.now_ms(),
            method: asked.method.clone(),
            path: asked.raw_path.clone(),
            query: asked.raw_query.clone(),
            account: bearer.and_then(|token| token.account.clone()),
            client_id: bearer
                .map(|token| token.client_id.clone())
                .or_else(|| basic(asked).map(|(id, _)| id)),
            agent: asked.agent.clone(),
            status: None,
            fault,
        };
        self.seen.push(seen);
        self.seen.len() - 1
    }

    /// Answers a call, with those faults that change its effect.
    pub(crate) fn answer(&mut self, call: &Call, asked: &Asked, fault: Option<&Fault>) -> Answer {
        let agent = asked.agent.to_ascii_lowercase();
        if agent.is_empty() || LIBRARIES.iter().any(|library| agent.starts_with(library)) {
            return Answer::html(429, "<html><body>Too Many Requests</body></html>");
        }
        match call {
            Call::Authorize => return self.authorize(asked),
            Call::Token => return self.access_token(asked),
            Call::Revoke => return self.revoke_token(asked),
            Call::Comments { post, .. }
                if asked.path.starts_with("/r/") && bearer(asked).is_none() =>
            {
                return match self.page(post) {
                    Some(page) => Answer::html(200, page),
                    None => Answer::html(404, "<h1>There is no such thread</h1>"),
                };
            }
            _ => {}
        }
        let now_ms = self.now_ms();
        let Some(token) = bearer(asked)
            .and_then(|token| self.tokens.get(token))
            .filter(|token| token.expires_ms > now_ms)
            .cloned()
        else {
            return Answer::unauthorized();
        };
        let (remaining, used, reset_s) = self.count_call(&token.client_id);
        let allowed = token.scope == "*" || token.scope.split(' ').any(|s| s == call.scope());
        let answer = if remaining < 0 {
            Answer::error(429, "Too Many Requests").with("retry-after", reset_s.to_string())
        } else if !allowed {
            Answer::scope()
        } else {
            self.api(call, asked, &token, fault)
        };
        if !self.knobs.limit_headers {
            return answer;
        }
        answer
            .with("x-ratelimit-remaining", format!("{}.0", remaining.max(0)))
            .with("x-ratelimit-used", used.to_string())
            .with("x-ratelimit-reset", reset_s.to_string())
    }

    fn api(&mut self, call: &Call, asked: &Asked, token: &Token, fault: Option<&Fault>) -> Answer {
        let me = token.account.as_deref();
        match call {
            Call::Me => match me.and_then(|me| self.account(me)) {
                Some(me) => Answer::json(200, account(me)),
                None => Answer::json(200, json!({"features": {}})),
            },
            Call::About(name) => match self.enter(name, me) {
                Ok(subreddit) => {
                    let subreddit = subreddit.clone();
                    Answer::json(200, self.t5(&subreddit, me))
                }
                Err(answer) => *answer,
            },
            Call::Rules(name) => match self.enter(name, me) {
                Ok(subreddit) => {
                    let rules: Vec<Value> = subreddit
                        .rules
                        .iter()
                        .enumerate()
                        .map(|(at, (name, description))| {
                            json!({"kind": "all", "short_name": name, "description": description,
                                "violation_reason": name, "priority": at, "created_utc": 1_500_000_000.0})
                        })
                        .collect();
                    Answer::json(
                        200,
                        json!({"rules": rules, "site_rules": [], "site_rules_flow": []}),
                    )
                }
                Err(answer) => *answer,
            },
            Call::Rising(names) => self.rising(names, asked, me),
            Call::Comments { post, comment } => self.comments(post, comment.as_deref(), asked, me),
            Call::MoreChildren => self.expand(asked, token),
            Call::Info => self.info(asked),
            Call::UserComments(name) => self.user_comments(name, asked),
            Call::Comment => match me {
                Some(me) => self.post_comment(me, asked, fault),
                None => Answer::json(
                    200,
                    error("USER_REQUIRED", "Please log in to do that.", None),
                ),
            },
            Call::Edit => self.edit(me, asked),
            Call::Del => {
                // success for everything, as the real one
                let now_gone = asked.field("id").map(bare).unwrap_or_default();
                if let Some(comment) = self.comments.get_mut(now_gone)
                    && me.is_some_and(|me| comment.author.eq_ignore_ascii_case(me))
                {
                    comment.deleted = true;
                }
                Answer::json(200, json!({}))
            }
            Call::Authorize | Call::Token | Call::Revoke | Call::Nothing => {
                Answer::error(404, "Not Found")
            }
        }
    }

    /// A subreddit that the account may view.
    fn enter(&self, name: &str, me: Option<&str>) -> Result<&crate::Subreddit, Box<Answer>> {
        let Some(subreddit) = self.subreddits.get(&name.to_ascii_lowercase()) else {
            let to = format!("https://oauth.reddit.com/subreddits/search.json?q={name}");
            return Err(Box::new(Answer::elsewhere(to)));
        };
        let member = me.is_some_and(|me| subreddit.contributors.contains(&me.to_ascii_lowercase()));
        if subreddit.kind == "private" && !member {
            return Err(Box::new(Answer::forbidden(Some("private"))));
        }
        Ok(subreddit)
    }

    fn rising(&mut self, names: &str, asked: &Asked, me: Option<&str>) -> Answer {
        let mut subreddits = Vec::new();
        for name in names.split(['+', ' ']) {
            match self.enter(name, me) {
                Ok(subreddit) => subreddits.push(subreddit.name.clone()),
                // of several, closed ones are skipped
                Err(answer) if !names.contains(['+', ' ']) => return *answer,
                Err(_) => {}
            }
        }
        let now = self.now_utc();
        let mut posts: Vec<&Post> = self
            .posts
            .values()
            .filter(|p| {
                subreddits.contains(&p.subreddit) && p.score > 1 && !p.deleted && !p.removed
            })
            .filter(|p| now - p.created_utc < 86_400)
            .collect();
        // score per hour of age, the highest first
        posts.sort_by_key(|p| {
            let rate = 1_000 * p.score / (now - p.created_utc).max(60);
            (std::cmp::Reverse(rate), p.id.clone())
        });
        let limit = number(asked, "limit", 25).clamp(1, 100);
        let from = match asked.query("after") {
            Some(after) => match posts.iter().position(|p| p.id == bare(after)) {
                Some(at) => at + 1,
                None => posts.len(),
            },
            None => 0,
        };
        let page = &posts[from..posts.len().min(from + limit)];
        let after = (from + limit < posts.len())
            .then(|| page.last().map(|p| format!("t3_{}", p.id)))
            .flatten();
        Answer::json(
            200,
            listing(page.iter().map(|p| self.t3(p)).collect(), after),
        )
    }

    fn comments(
        &self,
        post: &str,
        comment: Option<&str>,
        asked: &Asked,
        me: Option<&str>,
    ) -> Answer {
        let Some(post) = self.posts.get(post) else {
            return Answer::error(404, "Not Found");
        };
        if let Err(answer) = self.enter(&post.subreddit, me) {
            return *answer;
        }
        let order = order(asked.query("sort").unwrap_or("confidence"));
        let limit = number(asked, "limit", 200).max(1);
        let depth = number(asked, "depth", usize::MAX).max(1);
        let tree = match comment {
            None => self.tree(post, order, limit, depth),
            Some(id) => match self.comments.get(id).filter(|c| c.post == post.id) {
                Some(comment) => {
                    let context = number(asked, "context", 0).min(8);
                    self.focus(comment, order, limit, depth, context)
                }
                None => listing(Vec::new(), None),
            },
        };
        Answer::json(200, json!([listing(vec![self.t3(post)], None), tree]))
    }

    fn expand(&mut self, asked: &Asked, token: &Token) -> Answer {
        // long lists do not fit into a URL
        if asked.method == "GET" && asked.raw_query.len() > 8_000 {
            return Answer::html(400, "<html><body><h1>400 Bad request</h1></body></html>");
        }
        let who = token
            .account
            .clone()
            .unwrap_or_else(|| token.client_id.clone());
        let now_ms = self.now_ms();
        if self
            .expanding
            .get(&who)
            .is_some_and(|until| *until > now_ms)
        {
            return Answer::error(429, "Too Many Requests");
        }
        let takes_ms = self.knobs.more_takes_ms;
        self.expanding.insert(who, now_ms + takes_ms as i64);
        let Some(post) = asked
            .field("link_id")
            .and_then(|id| self.posts.get(bare(id)))
        else {
            return Answer::error(404, "Not Found");
        };
        let ids: Vec<&str> = asked
            .field("children")
            .unwrap_or_default()
            .split(',')
            .collect();
        let order = order(asked.field("sort").unwrap_or("confidence"));
        let mut answer = Answer::json(200, things(&self.more_children(post, &ids, order)));
        answer.takes_ms = takes_ms;
        answer
    }

    fn info(&self, asked: &Asked) -> Answer {
        let names = asked.query("id").unwrap_or_default().split(',');
        let found = names
            .take(100)
            .filter_map(|name| match name.split_once('_')? {
                ("t1", id) => self
                    .comments
                    .get(id)
                    .filter(|c| !c.missing)
                    .map(|c| self.t1(c, true)),
                ("t3", id) => self.posts.get(id).map(|p| self.t3(p)),
                _ => None,
            });
        Answer::json(200, listing(found.collect(), None))
    }

    fn user_comments(&self, name: &str, asked: &Asked) -> Answer {
        let name = name.to_ascii_lowercase();
        if name == "me" {
            return Answer::elsewhere("https://oauth.reddit.com/user/somebody/comments");
        }
        if !self.accounts.contains_key(&name) && !self.by_author.contains_key(&name) {
            return Answer::error(404, "Not Found");
        }
        let mut own: Vec<_> = self
            .by_author
            .get(&name)
            .into_iter()
            .flatten()
            .filter_map(|id| self.comments.get(id))
            .filter(|c| !c.deleted)
            .collect();
        own.reverse();
        own.sort_by_key(|c| std::cmp::Reverse(c.created_utc));
        let from = match asked.query("after") {
            Some(after) => own
                .iter()
                .position(|c| c.id == bare(after))
                .map_or(own.len(), |at| at + 1),
            None => 0,
        };
        let limit = number(asked, "limit", 25).clamp(1, 100);
        // the real one ends after a thousand
        let end = own.len().min(from + limit).min(1_000);
        let page = &own[from.min(end)..end];
        let after = (end < own.len().min(1_000))
            .then(|| page.last().map(|c| format!("t1_{}", c.id)))
            .flatten();
        let page = page.iter().map(|c| self.t1(c, true)).collect();
        Answer::json(200, listing(page, after))
    }

    fn post_comment(&mut self, me: &str, asked: &Asked, fault: Option<&Fault>) -> Answer {
        let refuse =
            |code: &str, text: &str, field: &str| Answer::json(200, error(code, text, Some(field)));
        if self.account(me).is_some_and(|me| me.suspended) {
            return Answer::forbidden(Some("IN_TIMEOUT"));
        }
        let text = asked.field("text").unwrap_or_default();
        if text.trim().is_empty() {
            return refuse("NO_TEXT", "we need something here", "text");
        }
        if text.encode_utf16().count() > 10_000 {
            return refuse("TOO_LONG", "this is too long (max: 10000)", "text");
        }
        let parent = asked.field("thing_id").unwrap_or_default();
        let answered = parent
            .strip_prefix("t1_")
            .and_then(|id| self.comments.get(id));
        let post = match answered {
            Some(comment) => self.posts.get(&comment.post),
            None => parent.strip_prefix("t3_").and_then(|id| self.posts.get(id)),
        };
        // an unknown parent is as forbidden as one in a subreddit that is closed to us
        let Some(post) = post else {
            return Answer::forbidden(None);
        };
        let key = me.to_ascii_lowercase();
        let Ok(subreddit) = self.enter(&post.subreddit, Some(me)) else {
            return Answer::forbidden(None);
        };
        let member = subreddit.contributors.contains(&key);
        if subreddit.banned.contains(&key) || (subreddit.restrict_commenting && !member) {
            return Answer::forbidden(None);
        }
        if answered.is_some_and(|c| c.deleted || c.hidden) || post.deleted {
            return refuse("DELETED_COMMENT", "that comment has been deleted", "parent");
        }
        if post.locked || answered.is_some_and(|c| c.locked) {
            return refuse("THREAD_LOCKED", "Comments are locked.", "parent");
        }
        if post.archived {
            return refuse(
                "TOO_OLD",
                "that's a piece of history now; it's too late to reply to it",
                "parent",
            );
        }
        let other = answered
            .map_or(&post.author, |c| &c.author)
            .to_ascii_lowercase();
        let blocks = |who: &str, whom: &str| {
            let account = self.accounts.get(who);
            account.is_some_and(|account| account.blocked.contains(whom))
        };
        if blocks(&key, &other) {
            let text = "you can't reply to somebody you have blocked";
            return refuse("USER_BLOCKED", text, "parent");
        }
        if blocks(&other, &key) {
            let text = "unable to post: something is broken";
            return refuse("COMMENTER_BLOCKED_POSTER", text, "parent");
        }
        let quarantine = subreddit.quarantine;
        let (parent, text) = (parent.to_owned(), text.to_owned());
        let Some(name) = self.add_comment(&parent, me, &text) else {
            return Answer::forbidden(None);
        };
        let mut lag_ms = self.knobs.tree_lag_ms;
        if let Some(Fault::Late { ms }) = fault {
            lag_ms = i64::try_from(*ms).unwrap_or(i64::MAX);
        }
        if let Some(comment) = self.comments.get_mut(bare(&name)) {
            comment.through_api = true;
            comment.visible_ms = comment.visible_ms.saturating_add(lag_ms);
            comment.hidden = matches!(fault, Some(Fault::Hidden));
        }
        match self.comments.get(bare(&name)) {
            Some(comment) if !quarantine && !matches!(fault, Some(Fault::NoThings)) => {
                Answer::json(200, things(&[self.t1(comment, true)]))
            }
            _ => Answer::json(200, things(&[])),
        }
    }

    fn edit(&mut self, me: Option<&str>, asked: &Asked) -> Answer {
        let text = asked.field("text").unwrap_or_default().to_owned();
        if text.trim().is_empty() {
            return Answer::json(
                200,
                error("NO_TEXT", "we need something here", Some("text")),
            );
        }
        if text.encode_utf16().count() > 10_000 {
            let error = error("TOO_LONG", "this is too long (max: 10000)", Some("text"));
            return Answer::json(200, error);
        }
        let now = self.now_utc();
        let id = asked.field("thing_id").map(bare).unwrap_or_default();
        let Some(comment) = self
            .comments
            .get_mut(id)
            .filter(|c| !c.deleted && me.is_some_and(|me| c.author.eq_ignore_ascii_case(me)))
        else {
            return Answer::forbidden(None);
        };
        comment.body = text;
        comment.edited_utc = Some(now);
        match self.comments.get(id) {
            Some(comment) => Answer::json(200, things(&[self.t1(comment, true)])),
            None => Answer::forbidden(None),
        }
    }

    /// Counts a call in the client's window: remaining calls (below 0: too many), used calls, and seconds until the
    /// window ends.
    fn count_call(&mut self, client_id: &str) -> (i64, u32, i64) {
        let (now_ms, knobs) = (self.now_ms(), self.knobs.clone());
        let length_ms = i64::from(knobs.window_s) * 1_000;
        let new = Window {
            began_ms: now_ms,
            used: 0,
        };
        let window = self.windows.entry(client_id.to_owned()).or_insert(new);
        if !(0..length_ms).contains(&(now_ms - window.began_ms)) {
            *window = new;
        }
        window.used += 1;
        let remaining = i64::from(knobs.window_calls) - i64::from(window.used);
        let reset_s = (window.began_ms + length_ms - now_ms).max(0) / 1_000;
        (remaining, window.used.min(knobs.window_calls), reset_s)
    }

    fn access_token(&mut self, asked: &Asked) -> Answer {
        let Some((client_id, secret)) = basic(asked) else {
            return Answer::unauthorized();
        };
        let Some(app) = self
            .apps
            .get(&client_id)
            .filter(|app| app.secret == secret)
            .cloned()
        else {
            return Answer::unauthorized();
        };
        let refuse = |code: &str| Answer::json(200, json!({"error": code}));
        let field = |key: &str| asked.field(key).unwrap_or_default().to_owned();
        let scope = Some(field("scope"))
            .filter(|scope| !scope.is_empty())
            .unwrap_or_else(|| "*".to_owned());
        match asked.field("grant_type") {
            Some("password") if app.kind != AppKind::Script => Answer::json(
                200,
                json!({"error": "unauthorized_client",
                    "error_description": "Only script apps may use password auth"}),
            ),
            Some("password") => {
                let name = field("username");
                let password = field("password");
                let otp = self.knobs.otp;
                let right = self.account(&name).is_some_and(|account| {
                    let plain = &account.password;
                    match (otp, asked.field("otp")) {
                        (false, _) => *plain == password,
                        (true, Some(given)) => *plain == password && given == OTP,
                        (true, None) => format!("{plain}:{OTP}") == password,
                    }
                });
                if !right || !app.owner.eq_ignore_ascii_case(&name) {
                    return refuse("invalid_grant");
                }
                self.give_token(&client_id, Some(app.owner), &scope, None)
            }
            Some("authorization_code") => {
                // a code is valid once, whatever the result
                let grant = self.grants.remove(&field("code"));
                match grant {
                    Some(grant)
                        if grant.client_id == client_id
                            && grant.redirect == field("redirect_uri")
                            && grant.expires_ms > self.now_ms() =>
                    {
                        let refresh = grant.permanent.then(|| {
                            let refresh = self.fresh_secret("refresh");
                            let kept = Refresh {
                                client_id: client_id.clone(),
                                account: grant.account.clone(),
                                scope: grant.scope.clone(),
                            };
                            self.refreshes.insert(refresh.clone(), kept);
                            refresh
                        });
                        self.give_token(&client_id, Some(grant.account), &grant.scope, refresh)
                    }
                    _ => refuse("invalid_grant"),
                }
            }
            Some("refresh_token") => {
                let refresh = field("refresh_token");
                match self.refreshes.get(&refresh).cloned() {
                    Some(kept) if kept.client_id == client_id => {
                        let mut refresh = refresh;
                        if self.knobs.rotate {
                            self.refreshes.remove(&refresh);
                            refresh = self.fresh_secret("refresh");
                            self.refreshes.insert(refresh.clone(), kept.clone());
                        }
                        self.give_token(&client_id, Some(kept.account), &kept.scope, Some(refresh))
                    }
                    _ => Answer::json(400, json!({"message": "Bad Request", "error": 400})),
                }
            }
            Some("client_credentials") if app.kind != AppKind::Installed => {
                self.give_token(&client_id, None, &scope, None)
            }
            Some("https://oauth.reddit.com/grants/installed_client") => {
                if field("device_id").is_empty() {
                    return refuse("invalid_request");
                }
                self.give_token(&client_id, None, &scope, None)
            }
            _ => refuse("unsupported_grant_type"),
        }
    }

    fn give_token(
        &mut self,
        client_id: &str,
        account: Option<String>,
        scope: &str,
        refresh: Option<String>,
    ) -> Answer {
        let access = self.fresh_secret("access");
        let lives_s = self.knobs.token_lives_s;
        let token = Token {
            client_id: client_id.to_owned(),
            account,
            scope: scope.to_owned(),
            expires_ms: self.now_ms() + lives_s as i64 * 1_000,
            refresh: refresh.clone(),
        };
        self.tokens.insert(access.clone(), token);
        let mut given = json!({
            "access_token": access, "token_type": "bearer", "expires_in": lives_s, "scope": scope,
        });
        if let Some(refresh) = refresh {
            given["refresh_token"] = json!(refresh);
        }
        Answer::json(200, given)
    }

    fn revoke_token(&mut self, asked: &Asked) -> Answer {
        let known = basic(asked)
            .is_some_and(|(id, secret)| self.apps.get(&id).is_some_and(|app| app.secret == secret));
        if !known {
            return Answer::unauthorized();
        }
        let token = asked.field("token").unwrap_or_default();
        self.tokens.remove(token);
        if self.refreshes.remove(token).is_some() {
            self.tokens
                .retain(|_, access| access.refresh.as_deref() != Some(token));
        }
        Answer::empty(200)
    }

    /// The page in the browser: asks, is answered (`POST`), or accepts or declines automatically.
    fn authorize(&mut self, asked: &Asked) -> Answer {
        let field = |key: &str| asked.field(key).unwrap_or_default().to_owned();
        let (client_id, redirect) = (field("client_id"), field("redirect_uri"));
        let Some(app) = self.apps.get(&client_id).cloned() else {
            return Answer::html(
                400,
                "<html><body>bad request: invalid client id.</body></html>",
            );
        };
        if app.redirect != redirect {
            let page = "<html><body>bad request: invalid redirect_uri parameter.</body></html>";
            return Answer::html(400, page);
        }
        let decided = match (
            self.knobs.authorize,
            asked.method.as_str(),
            asked.field("decide"),
        ) {
            (_, "POST", Some("allow")) | (Authorize::Allow, "GET", _) => Some(true),
            (_, "POST", _) | (Authorize::Deny, "GET", _) => Some(false),
            _ => None,
        };
        let back = |pairs: &[(&str, &str)]| {
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish();
            Answer::empty(302).with("location", format!("{redirect}?{query}"))
        };
        match decided {
            Some(true) => {
                let code = self.fresh_secret("code");
                let grant = Grant {
                    client_id,
                    account: app.owner,
                    scope: field("scope"),
                    redirect: redirect.clone(),
                    permanent: field("duration") == "permanent",
                    expires_ms: self.now_ms() + 600_000,
                };
                self.grants.insert(code.clone(), grant);
                back(&[("state", &field("state")), ("code", &code)])
            }
            Some(false) => back(&[("state", &field("state")), ("error", "access_denied")]),
            None => Answer::html(200, page(&app.owner, &client_id, asked)),
        }
    }
}

/// The page that asks, with all its parameters in hidden fields.
fn page(owner: &str, client_id: &str, asked: &Asked) -> String {
    let safe = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;")
    };
    let hidden: String = asked
        .query
        .iter()
        .map(|(key, value)| {
            format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                safe(key),
                safe(value)
            )
        })
        .collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Fake Reddit</title>\
         <h1>Fake Reddit</h1><p>{} wants to act for u/{}: {}.</p><form method=\"post\">{hidden}\
         <button id=\"allow\" name=\"decide\" value=\"allow\">allow</button> \
         <button id=\"decline\" name=\"decide\" value=\"decline\">decline</button></form></html>",
        safe(client_id),
        safe(owner),
        safe(asked.query("scope").unwrap_or_default()),
    )
}

fn number(asked: &Asked, key: &str, otherwise: usize) -> usize {
    asked
        .query(key)
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// The token of `Authorization: bearer TOKEN`.
fn bearer(asked: &Asked) -> Option<&str> {
    let (kind, token) = asked.authorization.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Id and secret of `Authorization: Basic ...`.
fn basic(asked: &Asked) -> Option<(String, String)> {
    let (kind, encoded) = asked.authorization.split_once(' ')?;
    if !kind.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(decode(encoded.trim())?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Base64 (RFC 4648), with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut have) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = DIGITS.iter().position(|d| *d == byte)?;
        bits = bits << 6 | digit as u32;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
            bits &= (1 << have) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_authentication_is_read() {
        assert_eq!(decode("aWQ6c2VjcmV0").as_deref(), Some(&b"id:secret"[..]));
        assert_eq!(decode("aWQ6").as_deref(), Some(&b"id:"[..]));
        assert_eq!(decode("YTpi").as_deref(), Some(&b"a:b"[..]));
        assert_eq!(decode("YTpiYw==").as_deref(), Some(&b"a:bc"[..]));
        assert_eq!(decode("a b"), None);
    }
}
