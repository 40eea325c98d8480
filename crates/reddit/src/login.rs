//! Logging in: what a client sends to get tokens, what Reddit answers, and login through a browser.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::{Url, form_urlencoded};

use crate::config::{Config, SCOPES};
use crate::error::{Error, Result};

/// The port on which the browser's answer is received. Reddit compares the URL as text, so it is fixed: the app must be
/// registered with `http://127.0.0.1:8920/callback`.
pub const PORT: u16 = 8920;
/// How long the user has to answer in the browser.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(300);
/// A token counts as expired this long before its end.
const EARLY_MS: i64 = 60_000;

/// An app registered with Reddit.
#[derive(Debug, Clone)]
pub struct App {
    pub client_id: String,
    /// Empty: an installed app, which has none.
    pub client_secret: SecretString,
}

/// How a client gets its tokens.
#[derive(Debug, Clone)]
pub enum Grant {
    /// Name and password: a script app, and an account of its developers.
    Password {
        username: String,
        /// With `:123456` appended if a second factor is required.
        password: SecretString,
    },
    /// The browser's answer: valid once, and replaced by the refresh token it yields.
    Code(Code),
    /// A refresh token from a login in the browser.
    Refresh(SecretString),
    /// No account: read-only.
    AppOnly,
}

/// Everything a client needs to get tokens.
#[derive(Debug, Clone)]
pub struct Login {
    pub app: App,
    pub grant: Grant,
}

/// The browser's answer: valid for one exchange.
#[derive(Debug, Clone)]
pub struct Code {
    pub(crate) code: SecretString,
    pub(crate) redirect_uri: String,
}

#[derive(Debug, Clone)]
pub struct Token {
    /// Sent with every call.
    pub access: SecretString,
    /// For the next token.
    pub refresh: Option<SecretString>,
    /// Scopes, separated by blanks; `*`: everything.
    pub scope: String,
    /// No longer used from this time on: milliseconds since 1970, a minute before Reddit's expiry.
    pub expires_ms: i64,
}

/// The form of a token request.
pub(crate) fn form(app: &App, grant: &Grant) -> Vec<(&'static str, SecretString)> {
    let plain = |value: &str| SecretString::from(value);
    match grant {
        Grant::Password { username, password } => vec![
            ("grant_type", plain("password")),
            ("username", plain(username)),
            ("password", password.clone()),
            ("scope", plain(&SCOPES.join(" "))),
        ],
        Grant::Code(code) => vec![
            ("grant_type", plain("authorization_code")),
            ("code", code.code.clone()),
            ("redirect_uri", plain(&code.redirect_uri)),
        ],
        Grant::Refresh(token) => vec![
            ("grant_type", plain("refresh_token")),
            ("refresh_token", token.clone()),
        ],
        Grant::AppOnly if app.client_secret.expose_secret().is_empty() => vec![
            (
                "grant_type",
                plain("https://oauth.reddit.com/grants/installed_client"),
            ),
            ("device_id", plain("DO_NOT_TRACK_THIS_DEVICE")),
        ],
        Grant::AppOnly => vec![("grant_type", plain("client_credentials"))],
    }
}

/// Reads a final answer of the token endpoint (no 429, no server failure). `refreshing`: a refresh token was sent;
/// `began_ms`: start of the call.
///
/// # Errors
/// [`Error::LoginRefused`], [`Error::LoginExpired`], [`Error::BadClient`], or [`Error::Answer`] and [`Error::Status`],
/// which do not quote the body.
pub(crate) fn read_token(
    status: u16,
    body: &[u8],
    refreshing: bool,
    began_ms: i64,
) -> Result<Token> {
    const CALL: &str = "POST /api/v1/access_token";
    let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    match (status, &json["error"]) {
        (200, Value::Null) => {}
        (401, _) => return Err(Error::BadClient),
        (400, _) if refreshing => return Err(Error::LoginExpired),
        (200 | 400, Value::String(code)) if refreshing && code == "invalid_grant" => {
            return Err(Error::LoginExpired);
        }
        (200 | 400, error) => {
            let short = |text: &str| text.chars().take(200).collect::<String>();
            return Err(Error::LoginRefused {
                code: match error {
                    Value::String(code) => short(code),
                    Value::Null => status.to_string(),
                    other => short(&other.to_string()),
                },
                text: json["error_description"]
                    .as_str()
                    .map(short)
                    .unwrap_or_default(),
            });
        }
        (status, _) => {
            return Err(Error::Status {
                call: CALL.to_owned(),
                status,
                excerpt: String::new(),
            });
        }
    }
    let text = |key: &str| json[key].as_str().filter(|text| !text.is_empty());
    let Some(access) = text("access_token") else {
        return Err(Error::Answer {
            call: CALL.to_owned(),
            why: "it holds no access token".to_owned(),
        });
    };
    let lives_ms = json["expires_in"]
        .as_f64()
        .map_or(0, |s| (s * 1000.0) as i64);
    Ok(Token {
        access: access.into(),
        refresh: text("refresh_token").map(Into::into),
        scope: text("scope").unwrap_or_default().to_owned(),
        expires_ms: began_ms.saturating_add(lives_ms).saturating_sub(EARLY_MS),
    })
}

/// A started login in the browser: the port is open, the URL is known.
///
/// ```no_run
/// # async fn run(config: &repartee_reddit::Config) -> repartee_reddit::Result<()> {
/// use repartee_reddit::{Browser, ANSWER_WITHIN, PORT};
/// let browser = Browser::begin(config, "client id", PORT).await?;
/// println!("open {}", browser.address());
/// let code = browser.answer(ANSWER_WITHIN).await?;
/// # Ok(())
/// # }
/// ```
pub struct Browser {
    listener: TcpListener,
    pending: Pending,
    address: String,
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // not the URL: it contains the state
        write!(f, "Browser({:?})", self.pending)
    }
}

/// A login waiting for its answer: what that must look like.
#[derive(Debug, Clone)]
pub struct Pending {
    state: SecretString,
    redirect_uri: String,
}

impl Browser {
    /// Opens the port on 127.0.0.1 and builds the URL. The port comes first: no browser is opened whose answer another
    /// program could receive.
    ///
    /// # Errors
    /// [`Error::PortBusy`]; [`Error::Config`] of [`Config::check`], or if the system has no randomness.
    pub async fn begin(config: &Config, client_id: &str, port: u16) -> Result<Self> {
        config.check()?;
        let busy = |error: std::io::Error| Error::PortBusy {
            port,
            why: error.to_string(),
        };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(busy)?;
        let port = listener.local_addr().map_err(busy)?.port();
        let pending = Pending::new(&format!("http://127.0.0.1:{port}/callback"))?;
        let address = pending.address(config, client_id)?;
        Ok(Self {
            listener,
            pending,
            address,
        })
    }

    /// The URL to open in a browser.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the answer must look like, to check a pasted one ([`Pending::pasted`]).
    pub fn pending(&self) -> Pending {
        self.pending.clone()
    }

    /// Waits for the browser's answer. Other requests (another path, another state) are refused and do not end the
    /// wait, so that no other program can interrupt a login.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::NoAnswer`] after `within`; [`Error::PortBusy`] if the port is lost.
    pub async fn answer(self, within: Duration) -> Result<Code> {
        let late = Error::NoAnswer(within.as_secs());
        tokio::time::timeout(within, self.first_answer())
            .await
            .unwrap_or(Err(late))
    }

    async fn first_answer(self) -> Result<Code> {
        let mut open: JoinSet<Option<Result<Code>>> = JoinSet::new();
        loop {
            // browsers open connections ahead and send nothing on them: each gets a task of its own
            tokio::select! {
                met = self.listener.accept() => match met {
                    Ok((stream, _)) => {
                        let pending = self.pending.clone();
                        open.spawn(async move { serve(stream, &pending).await });
                    }
                    // too many open files and the like; without a pause this would spin
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(done) = open.join_next(), if !open.is_empty() => {
                    if let Ok(Some(answer)) = done {
                        return answer;
                    }
                }
            }
        }
    }
}

impl Pending {
    /// A login without a port, for a browser on another machine: the URL to open, and what a pasted URL is checked
    /// against.
    ///
    /// # Errors
    /// [`Error::Config`] of [`Config::check`], or if the system has no randomness.
    pub fn by_hand(config: &Config, client_id: &str, port: u16) -> Result<(Self, String)> {
        config.check()?;
        let pending = Self::new(&format!("http://127.0.0.1:{port}/callback"))?;
        let address = pending.address(config, client_id)?;
        Ok((pending, address))
    }

    fn new(redirect_uri: &str) -> Result<Self> {
        let mut random = [0_u8; 24];
        getrandom::fill(&mut random)
            .map_err(|error| Error::Config(format!("this system has no randomness: {error}")))?;
        let state: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            state: state.into(),
            redirect_uri: redirect_uri.to_owned(),
        })
    }

    fn address(&self, config: &Config, client_id: &str) -> Result<String> {
        let base = format!(
            "{}/api/v1/authorize",
            config.token_host.trim_end_matches('/')
        );
        Url::parse_with_params(
            &base,
            [
                ("client_id", client_id),
                ("response_type", "code"),
                ("state", self.state.expose_secret()),
                ("redirect_uri", &self.redirect_uri),
                ("duration", "permanent"),
                ("scope", &SCOPES.join(" ")),
            ],
        )
        .map(String::from)
        .map_err(|error| Error::Config(format!("{base} is no address: {error}")))
    }

    /// Reads the URL at which the browser ended, as the user pasted it.
    ///
    /// # Errors
    /// [`Error::Pasted`] if it is not the end of this login; [`Error::Denied`].
    pub fn pasted(&self, address: &str) -> Result<Code> {
        let wrong = |why: &str| Error::Pasted(why.to_owned());
        let address = address.trim();
        let address = address.strip_suffix("#_").unwrap_or(address);
        let query = address
            .strip_prefix(self.redirect_uri.as_str())
            .and_then(|rest| rest.strip_prefix('?'))
            .ok_or_else(|| wrong(&format!("it does not begin with {}?", self.redirect_uri)))?;
        self.read(query)
            .ok_or_else(|| wrong("it belongs to another login, or is incomplete"))?
    }

    /// Reads the query of the redirect. `None`: it is not the answer to this login.
    fn read(&self, query: &str) -> Option<Result<Code>> {
        let mut state = None;
        let mut code = None;
        let mut error = None;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "state" => state = Some(value.into_owned()),
                "code" => code = Some(value.into_owned()),
                "error" => error = Some(value.into_owned()),
                _ => {}
            }
        }
        // in constant time, so that the answer reveals nothing about it
        let same = state?
            .as_bytes()
            .ct_eq(self.state.expose_secret().as_bytes());
        if !bool::from(same) {
            return None;
        }
        match (error, code) {
            (Some(error), _) => {
                let words = match error.as_str() {
                    "access_denied" => "it was declined in the browser".to_owned(),
                    other => format!(
                        "Reddit says {}",
                        other.chars().take(100).collect::<String>()
                    ),
                };
                Some(Err(Error::Denied(words)))
            }
            (None, Some(code)) => Some(Ok(Code {
                code: code.trim_end_matches("#_").into(),
                redirect_uri: self.redirect_uri.clone(),
            })),
            (None, None) => None,
        }
    }
}

/// A login waiting on this machine answers within this time.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(5);

/// Passes the URL at which a browser ended, as the user pasted it, to the login waiting at a port of this machine, as
/// the browser would have: one GET, to there and nowhere else. Redirects are not followed.
///
/// # Errors
/// [`Error::Pasted`] if it is not the end of that login; [`Error::NotAwaited`] if none is waiting.
pub fn hand_over(port: u16, pasted: &str) -> Result<()> {
    let ours = format!("http://127.0.0.1:{port}");
    let pasted = pasted.trim();
    let pasted = pasted.split('#').next().unwrap_or_default();
    let path = pasted
        .strip_prefix(ours.as_str())
        .filter(|path| path.starts_with("/callback?"))
        .ok_or_else(|| Error::Pasted(format!("it does not begin with {ours}/callback?")))?;
    // its content must not end the request line
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Pasted("it is not a single URL".to_owned()));
    }
    let ask = || -> std::io::Result<[u8; 12]> {
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        let mut stream = std::net::TcpStream::connect_timeout(&at, HAND_OVER_WITHIN)?;
        stream.set_read_timeout(Some(HAND_OVER_WITHIN))?;
        stream.set_write_timeout(Some(HAND_OVER_WITHIN))?;
        let host = format!("host: 127.0.0.1:{port}\r\nconnection: close");
        stream.write_all(format!("GET {path} HTTP/1.1\r\n{host}\r\n\r\n").as_bytes())?;
        let mut begins = [0_u8; 12]; // HTTP/1.1 200
        stream.read_exact(&mut begins)?;
        Ok(begins)
    };
    match ask().as_ref().map(|begins| &begins[9..]) {
        Ok(b"200") => Ok(()),
        Ok(b"404") => Err(Error::Pasted(
            "it belongs to another login, or is incomplete".to_owned(),
        )),
        Ok(_) | Err(_) => Err(Error::NotAwaited(port)),
    }
}

/// Serves one connection of a browser: one request, one short page. `None`: it was not the answer.
async fn serve(mut stream: TcpStream, pending: &Pending) -> Option<Result<Code>> {
    let head = tokio::time::timeout(Duration::from_secs(30), head(&mut stream))
        .await
        .ok()??;
    let query = head
        .strip_prefix("GET /callback?")
        .and_then(|rest| rest.split(' ').next());
    let read = query.and_then(|query| pending.read(query));
    let (status, words) = match &read {
        Some(Ok(_)) => (
            "200 OK",
            "Done. You can close this page and go back to Repartee.",
        ),
        Some(Err(_)) => ("200 OK", "Access was not granted. You can close this page."),
        None => ("404 Not Found", "There is nothing here."),
    };
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Repartee</title><p>{words}</p></html>"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\ncontent-security-policy: default-src 'none'\r\n\
         connection: close\r\n\r\n{page}",
        page.len()
    );
    // it does not matter if the browser hangs up early
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    read
}

/// The first line of a request, once its head was read; at most 16 KiB.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 2048];
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await.ok()?;
        if read == 0 || bytes.len() > 16 * 1024 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
    let line = bytes.split(|byte| *byte == b'\r').next()?;
    String::from_utf8(line.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str, refreshing: bool) -> Error {
        read_token(status, body.as_bytes(), refreshing, 0).expect_err("no token")
    }

    #[test]
    fn tokens_expire_a_minute_early_counted_from_the_call() {
        let body = r#"{"access_token":"a","token_type":"bearer","expires_in":86400,"scope":"identity read",
            "refresh_token":"r","device_id":"x"}"#;
        let token = read_token(200, body.as_bytes(), false, 1_000_000).expect("a token");
        assert_eq!(token.expires_ms, 1_000_000 + 86_400_000 - 60_000);
        assert_eq!(token.access.expose_secret(), "a");
        assert_eq!(
            token.refresh.map(|r| r.expose_secret().to_owned()),
            Some("r".to_owned())
        );
        assert_eq!(token.scope, "identity read");
        let bare = read_token(200, br#"{"access_token":"a"}"#, false, 0).expect("a token");
        assert_eq!((bare.expires_ms, bare.scope.as_str()), (-60_000, ""));
    }

    #[test]
    fn refusals_of_the_token_endpoint() {
        let code = |error: Error| match error {
            Error::LoginRefused { code, text } => (code, text),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            code(refused(200, r#"{"error":"invalid_grant"}"#, false)).0,
            "invalid_grant"
        );
        let only = r#"{"error":"unauthorized_client","error_description":"Only script apps may use password auth"}"#;
        assert_eq!(
            code(refused(200, only, false)),
            (
                "unauthorized_client".into(),
                "Only script apps may use password auth".into()
            )
        );
        assert_eq!(code(refused(400, r#"{"error":400}"#, false)).0, "400");
        assert_eq!(code(refused(400, "<html>", false)).0, "400");
        for body in [
            r#"{"error":400}"#,
            r#"{"message":"Bad Request","error":400}"#,
            "",
        ] {
            assert_eq!(refused(400, body, true), Error::LoginExpired, "{body}");
        }
        assert_eq!(
            refused(200, r#"{"error":"invalid_grant"}"#, true),
            Error::LoginExpired
        );
        assert_eq!(refused(401, r#"{"error":401}"#, true), Error::BadClient);
        assert!(matches!(
            refused(403, "<html>secret</html>", false),
            Error::Status { status: 403, excerpt, .. } if excerpt.is_empty()
        ));
        for body in [
            "",
            "{}",
            "[]",
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
        ] {
            assert!(
                matches!(refused(200, body, false), Error::Answer { .. }),
                "{body}"
            );
        }
    }

    #[test]
    fn token_requests_match_the_specification() {
        let names = |form: Vec<(&'static str, SecretString)>| {
            form.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let app = |secret: &str| App {
            client_id: "id".into(),
            client_secret: secret.into(),
        };
        let password = Grant::Password {
            username: "u".into(),
            password: "p".into(),
        };
        assert_eq!(
            names(form(&app("s"), &password)),
            ["grant_type", "username", "password", "scope"]
        );
        assert_eq!(
            names(form(&app(""), &Grant::Refresh("r".into()))),
            ["grant_type", "refresh_token"]
        );
        let code = Grant::Code(Code {
            code: "c".into(),
            redirect_uri: "http://x".into(),
        });
        assert_eq!(
            names(form(&app(""), &code)),
            ["grant_type", "code", "redirect_uri"]
        );
        assert_eq!(names(form(&app("s"), &Grant::AppOnly)), ["grant_type"]);
        let installed = form(&app(""), &Grant::AppOnly);
        assert_eq!(
            installed[0].1.expose_secret(),
            "https://oauth.reddit.com/grants/installed_client"
        );
        assert_eq!(installed[1].1.expose_secret(), "DO_NOT_TRACK_THIS_DEVICE");
    }

    fn pending() -> Pending {
        Pending {
            state: "the-state".into(),
            redirect_uri: "http://127.0.0.1:8920/callback".into(),
        }
    }

    #[test]
    fn login_url_requests_only_the_scopes_we_need() {
        let config = Config::new(crate::user_agent("1", "bot"));
        let address = pending().address(&config, "my id").expect("an address");
        assert_eq!(
            address,
            "https://www.reddit.com/api/v1/authorize?client_id=my+id&response_type=code&state=the-state\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A8920%2Fcallback&duration=permanent\
             &scope=identity+read+submit+edit+history"
        );
    }

    #[test]
    fn pasted_url_must_be_the_end_of_this_login() {
        let paste = |address: &str| pending().pasted(address);
        let base = "http://127.0.0.1:8920/callback";
        let code = paste(&format!(" {base}?state=the-state&code=c0de#_\n")).expect("a code");
        assert_eq!(code.code.expose_secret(), "c0de");
        assert_eq!(code.redirect_uri, base);
        assert!(matches!(
            paste(&format!("{base}?error=access_denied&state=the-state")),
            Err(Error::Denied(_))
        ));
        for wrong in [
            "",
            "code=c0de",
            "http://127.0.0.1:8920/callback",
            "http://127.0.0.1:8920/callback?code=c0de",
            "http://127.0.0.1:8920/callback?state=other&code=c0de",
            "http://127.0.0.1:8920/callback?state=the-state",
            "http://127.0.0.1:8921/callback?state=the-state&code=c0de",
            "http://127.0.0.1:8920/callback?error=access_denied&state=x",
        ] {
            assert!(matches!(paste(wrong), Err(Error::Pasted(_))), "{wrong}");
        }
    }

    #[test]
    fn debug_shows_neither_state_nor_code() {
        let pending = Pending {
            state: "marker".into(),
            ..pending()
        };
        let code = Code {
            code: "marker".into(),
            redirect_uri: "http://x".into(),
        };
        assert!(!format!("{pending:?} {code:?}").contains("marker"));
    }

    #[test]
    fn states_are_long_and_unique() {
        let state = || {
            let pending = Pending::new("http://x").expect("randomness");
            pending.state.expose_secret().to_owned()
        };
        let (one, two) = (state(), state());
        assert_eq!(one.len(), 48);
        assert_ne!(one, two);
    }
}
