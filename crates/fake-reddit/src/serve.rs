//! The HTTP side: one request in, one answer out, except for faults.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use url::form_urlencoded;

use crate::control;
use crate::fault::Fault;
use crate::json::{self, escape_all};
use crate::reddit::Call;
use crate::world::World;

/// The state, shared by all connections.
pub(crate) type Shared = Arc<Mutex<World>>;

pub(crate) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    // a panic of a test that held it does not invalidate its content
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(crate) struct Asked {
    pub method: String,
    /// Without a trailing slash.
    pub path: String,
    pub raw_path: String,
    pub raw_query: String,
    pub query: Vec<(String, String)>,
    pub form: Vec<(String, String)>,
    pub body: Bytes,
    pub agent: String,
    /// `Authorization`, verbatim.
    pub authorization: String,
}

impl Asked {
    /// A parameter of the query.
    pub fn query(&self, key: &str) -> Option<&str> {
        value(&self.query, key)
    }

    /// A field of the form, or a parameter of the query.
    pub fn field(&self, key: &str) -> Option<&str> {
        value(&self.form, key).or_else(|| self.query(key))
    }

    fn raw_json(&self) -> bool {
        self.field("raw_json") == Some("1")
    }
}

fn value<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.as_str())
}

/// An answer before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub content: Content,
    /// Duration of the request.
    pub takes_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Json(Value),
    Html(String),
    Empty,
}

impl Answer {
    pub fn json(status: u16, value: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Json(value),
            takes_ms: 0,
        }
    }

    pub fn html(status: u16, page: impl Into<String>) -> Self {
        Self {
            content: Content::Html(page.into()),
            ..Self::empty(status)
        }
    }

    pub fn empty(status: u16) -> Self {
        Self {
            content: Content::Empty,
            ..Self::json(status, Value::Null)
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// `{"message": ..., "error": ...}`.
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(status, json!({"message": message, "error": status}))
    }

    pub fn unauthorized() -> Self {
        Self::error(401, "Unauthorized").with(
            "www-authenticate",
            "Bearer realm=\"reddit\", error=\"invalid_token\"",
        )
    }

    pub fn scope() -> Self {
        Self::error(403, "Forbidden").with(
            "www-authenticate",
            "Bearer realm=\"reddit\", error=\"insufficient_scope\"",
        )
    }

    pub fn forbidden(reason: Option<&str>) -> Self {
        let mut answer = Self::error(403, "Forbidden");
        if let (Some(reason), Content::Json(json)) = (reason, &mut answer.content) {
            json["reason"] = json!(reason);
        }
        answer
    }

    pub fn elsewhere(to: impl Into<String>) -> Self {
        Self::json(302, json!({})).with("location", to)
    }
}

/// What is sent in the end.
enum Sending {
    Whole(Option<Bytes>),
    /// Half of it, and then the connection breaks.
    Half(Option<Bytes>),
    Broken,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Half(bytes) => {
                let half = bytes.take().unwrap_or_default();
                *self = Self::Broken;
                // flush what was sent so far
                context.waker().wake_by_ref();
                Poll::Ready(Some(Ok(Frame::data(half))))
            }
            Self::Broken => Poll::Ready(Some(Err(broken()))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Half(_) | Self::Broken => SizeHint::new(),
        }
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "interrupted on purpose")
}

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, world: Shared) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let world = Arc::clone(&world);
                tokio::spawn(connection(stream, world));
            }
            // too many open files and the like
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, world: Shared) {
    // without it, small answers wait for the client's acknowledgment
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let world = Arc::clone(&world);
        async move { answer(request, &world).await }
    });
    // a broken connection, deliberate or not, is no error of the sandbox
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// One answer. An error closes the connection without one.
async fn answer(
    request: Request<Incoming>,
    world: &Shared,
) -> Result<Response<Sending>, io::Error> {
    let asked = read(request).await?;
    if let Some(path) = asked.path.strip_prefix("/__fake") {
        let answer = control::answer(&mut lock(world), path, &asked);
        return Ok(response(answer, false, &asked, world));
    }
    let call = Call::of(&asked);
    let (fault, at) = {
        let mut world = lock(world);
        let fault = world.fault(call.on());
        // recorded before anything is done, so that a call that never ends is seen too
        (fault.clone(), world.note(&call, &asked, fault))
    };
    let mut answer = match fault.as_ref().and_then(before) {
        Some(Before::Close { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            return Err(broken());
        }
        Some(Before::Answer(answer)) => *answer,
        None => lock(world).answer(&call, &asked, fault.as_ref()),
    };
    if answer.takes_ms > 0 {
        tokio::time::sleep(Duration::from_millis(answer.takes_ms)).await;
    }
    let mut cut = false;
    match fault {
        Some(Fault::DropAfter) => return Err(broken()),
        Some(Fault::HangAfter { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            return Err(broken());
        }
        Some(Fault::Slow { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(Fault::StatusAfter { status }) => answer = Answer::empty(status),
        Some(Fault::Empty) => answer.content = Content::Empty,
        Some(Fault::NotJson) => answer.content = Content::Html("<html>Hello</html>".to_owned()),
        Some(Fault::Cut) => cut = true,
        _ => {}
    }
    if let Some(seen) = lock(world).seen.get_mut(at) {
        seen.status = Some(answer.status);
    }
    Ok(response(answer, cut, &asked, world))
}

/// Effects of a fault before anything is done.
enum Before {
    Close { ms: u64 },
    Answer(Box<Answer>),
}

fn before(fault: &Fault) -> Option<Before> {
    let retry_after = |answer: Answer, after: &Option<u32>| match after {
        Some(s) => answer.with("retry-after", s.to_string()),
        None => answer,
    };
    let answer = match fault {
        Fault::DropBefore => return Some(Before::Close { ms: 0 }),
        Fault::HangBefore { ms } => return Some(Before::Close { ms: *ms }),
        Fault::StatusBefore { status } => Answer::empty(*status),
        Fault::TooManyHtml { retry_after_s } => {
            let page =
                "<html><head><title>Too Many Requests</title></head><body>whoa there</body></html>";
            retry_after(Answer::html(429, page), retry_after_s)
        }
        Fault::TooManyJson { retry_after_s } => {
            retry_after(Answer::error(429, "Too Many Requests"), retry_after_s)
        }
        Fault::Unauthorized => Answer::unauthorized(),
        Fault::Forbidden { reason } => Answer::forbidden(reason.as_deref()),
        Fault::Scope => Answer::scope(),
        Fault::Redirect => Answer::elsewhere("https://www.reddit.com/login"),
        Fault::Error { code, text, field } => {
            Answer::json(200, json::error(code, text, field.as_deref()))
        }
        Fault::BadRequest { code, text, field } => Answer::json(
            400,
            json!({"fields": [field], "explanation": text, "message": "Bad Request", "reason": code}),
        ),
        Fault::RateLimit {
            seconds,
            language,
            number,
        } => {
            let text = language.words(*seconds);
            let mut error = json::error("RATELIMIT", &text, Some("ratelimit"));
            if *number {
                error["json"]["ratelimit"] = json!(seconds);
            }
            Answer::json(200, error)
        }
        _ => return None,
    };
    Some(Before::Answer(Box::new(answer)))
}

async fn read(request: Request<Incoming>) -> Result<Asked, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let header = |name: &str| {
        let value = parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let raw_path = parts.uri.path().to_owned();
    let raw_query = parts.uri.query().unwrap_or_default().to_owned();
    let pairs = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect();
    let form = header("content-type").starts_with("application/x-www-form-urlencoded");
    Ok(Asked {
        method: parts.method.to_string(),
        path: raw_path.trim_end_matches('/').to_owned(),
        query: pairs(raw_query.as_bytes()),
        form: if form { pairs(&body) } else { Vec::new() },
        agent: header("user-agent"),
        authorization: header("authorization"),
        body,
        raw_path,
        raw_query,
    })
}

/// The answer as it is sent; `cut`: half of it.
fn response(answer: Answer, cut: bool, asked: &Asked, world: &Shared) -> Response<Sending> {
    let (kind, bytes) = match answer.content {
        Content::Json(mut value) => {
            if !asked.raw_json() {
                escape_all(&mut value);
            }
            ("application/json; charset=UTF-8", value.to_string())
        }
        Content::Html(page) => ("text/html; charset=UTF-8", page),
        Content::Empty => ("text/plain", String::new()),
    };
    let bytes = Bytes::from(bytes);
    let length = bytes.len();
    let body = if cut {
        Sending::Half(Some(bytes.slice(..length / 2)))
    } else {
        Sending::Whole((length > 0).then_some(bytes))
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let now = UNIX_EPOCH + Duration::from_millis(lock(world).now_ms().max(0).unsigned_abs());
    for (name, value) in answer
        .headers
        .into_iter()
        .chain([(DATE.as_str(), httpdate::fmt_http_date(now))])
    {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}
