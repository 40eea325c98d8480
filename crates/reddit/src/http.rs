//! One HTTP exchange, without interpretation.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, redirect, retry};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::error::{Error, Result};

/// No answer of Reddit is longer; a tree of 500 long comments has about 10 MB.
const MAX_BODY: usize = 64 << 20;

/// A call to make.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub method: Method,
    /// From the first slash.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub form: Vec<(&'static str, SecretString)>,
    /// Whether it polls: the same URL is not requested twice within half a minute.
    pub polls: bool,
}

impl Call {
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            form: Vec::new(),
            polls: false,
        }
    }

    pub fn post(path: impl Into<String>) -> Self {
        Self {
            method: Method::POST,
            ..Self::get(path)
        }
    }

    pub fn query(mut self, key: &'static str, value: impl ToString) -> Self {
        self.query.push((key, value.to_string()));
        self
    }

    pub fn form(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.form.push((key, value.into().into()));
        self
    }

    pub fn polls(mut self) -> Self {
        self.polls = true;
        self
    }

    /// The URL, as the rate limit remembers it.
    pub fn polled(&self) -> Option<String> {
        self.polls.then(|| {
            let query: Vec<String> = self.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("{}?{}", self.path, query.join("&"))
        })
    }
}

/// Method and path: names the call in errors and logs. Its parameters stay out of both.
impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The credentials of a call.
pub(crate) enum Auth<'a> {
    Basic(&'a str, &'a SecretString),
    Bearer(&'a SecretString),
}

#[derive(Debug)]
pub(crate) struct Came {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Why the body is incomplete; `None`: it is complete.
    pub cut: Option<String>,
}

impl Came {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The beginning of the body, for an error or the log of attempts. Never for a token's answer.
    pub fn excerpt(&self) -> String {
        excerpt(&self.body)
    }
}

/// The first 300 characters of a body, on one line.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(2048)]);
    let mut out: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(300)
        .collect();
    if out.chars().count() == 300 {
        out.push('…');
    }
    out
}

/// Why there was no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// No connection: nothing left this machine.
    NoConnection(String),
    /// The connection ended, or timed out, after sending began.
    Lost(String),
}

impl Failed {
    pub fn why(&self) -> &str {
        match self {
            Self::NoConnection(why) | Self::Lost(why) => why,
        }
    }
}

/// Two clients: one for repeatable calls, one for posting.
pub(crate) struct Http {
    pub calls: reqwest::Client,
    /// Opens a connection per call, and retries nothing: a kept-alive connection may already be closed by the server,
    /// and then it is unknown whether what was sent on it arrived.
    pub posting: reqwest::Client,
}

impl Http {
    pub fn new(config: &Config) -> Result<Self> {
        Ok(Self {
            calls: builder(config)?
                .pool_idle_timeout(Duration::from_secs(30))
                .build()
                .map_err(built)?,
            posting: builder(config)?
                .pool_max_idle_per_host(0)
                .build()
                .map_err(built)?,
        })
    }
}

fn builder(config: &Config) -> Result<reqwest::ClientBuilder> {
    let agent = HeaderValue::from_str(&config.user_agent)
        .map_err(|_| Error::Config(format!("{:?} cannot be sent", config.user_agent)))?;
    // Another part of the program may have chosen one already; it serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([(USER_AGENT, agent)]))
        .retry(retry::never())
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .timeout(config.timeout);
    Ok(if config.is_local() {
        // no proxy to this machine, and no system certificates for plain HTTP
        builder.no_proxy().tls_certs_only([])
    } else {
        builder
    })
}

fn built(error: reqwest::Error) -> Error {
    Error::Config(format!(
        "TLS is unavailable: {}; are certificates (ca-certificates) installed?",
        words(&error)
    ))
}

/// Sends a call once, and reads the whole answer.
pub(crate) async fn exchange(
    client: &reqwest::Client,
    host: &str,
    call: &Call,
    auth: Auth<'_>,
) -> Result<Came, Failed> {
    let address = format!("{}{}", host.trim_end_matches('/'), call.path);
    let mut request = client.request(call.method.clone(), address);
    if !call.query.is_empty() {
        request = request.query(&call.query);
    }
    if call.method == Method::POST {
        let form: Vec<(&str, &str)> = call
            .form
            .iter()
            .map(|(key, value)| (*key, value.expose_secret()))
            .collect();
        request = request.form(&form);
    }
    request = match auth {
        Auth::Basic(id, secret) => request.basic_auth(id, Some(secret.expose_secret())),
        Auth::Bearer(token) => request.bearer_auth(token.expose_secret()),
    };
    let mut response = request.send().await.map_err(|error| {
        let words = words(&error);
        // a connection that timed out while connecting counts as no connection
        if error.is_connect() || error.is_builder() {
            Failed::NoConnection(format!("no connection: {words}"))
        } else if error.is_timeout() {
            Failed::Lost(format!("timed out: {words}"))
        } else {
            Failed::Lost(format!("the connection ended without an answer: {words}"))
        }
    })?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    let cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => {
                break Some(format!("the answer has more than {MAX_BODY} bytes"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break None,
            Err(error) => break Some(words(&error)),
        }
    };
    Ok(Came {
        status,
        headers,
        body,
        cut,
    })
}

/// An error with its causes, without the URL.
fn words(error: &reqwest::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let word = error.to_string();
        if !words.iter().any(|known| known.contains(&word)) {
            words.push(word);
        }
        source = error.source();
    }
    if words.is_empty() {
        if error.is_timeout() {
            return "time ran out".to_owned();
        }
        return "no reason was given".to_owned();
    }
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_without_their_parameters() {
        let call = Call::post("/api/comment")
            .query("raw_json", 1)
            .form("text", "marker");
        assert_eq!(call.to_string(), "POST /api/comment");
        assert!(!format!("{call:?}").contains("marker"));
        assert_eq!(call.polled(), None);
        let poll = Call::get("/r/x/rising").query("limit", 25).polls();
        assert_eq!(poll.polled().as_deref(), Some("/r/x/rising?limit=25"));
    }

    #[test]
    fn excerpts_are_short_and_on_one_line() {
        assert_eq!(excerpt(b" a\n\n b "), "a b");
        assert_eq!(excerpt(&vec![b'x'; 10_000]).chars().count(), 301);
        assert_eq!(excerpt(&[0xff, b'a']), "\u{fffd}a");
    }
}
