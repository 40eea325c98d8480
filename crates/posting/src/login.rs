//! Logging in and out. A script app logs in with name and password from environment variables or the keychain; others
//! through a browser, whose answer is received on this machine, or pasted.

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Signal, Stop, from_json, to_json};
use repartee_reddit::{ANSWER_WITHIN, App, Browser, Grant, Login, Pending, hand_over, secrets};
use repartee_store::accounts::Account;
use repartee_store::audit::Entry;
use repartee_terms::JobStatus;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::accounts::{AccountFacts, AccountInfo};
use crate::connect::{Session, config_of, keychain_name, runtime};
use crate::reconcile::{CANNOT_WRITE, SUSPENDED, stop_account};
use crate::{Posting, ToPosting};

/// Our own comments are searched this far back for those we did not post: a month, in seconds.
const LOOK_BACK_S: i64 = 30 * 86_400;
/// Number of latest comments considered.
const LOOKED_AT: usize = 100;

/// Logs an account in, and checks its identity. A job: `login`. If a browser is needed, a signal has the URL to open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct LogIn {
    /// Empty: the one that posts.
    pub account: String,
    /// Log in through the browser even if a login is stored.
    #[serde(alias = "anew")]
    pub force: bool,
}

/// A login in a browser on another machine, whose final URL is pasted.
pub struct ByHand {
    account: Account,
    pending: Pending,
    /// The URL to open.
    pub address: String,
}

impl Job for LogIn {
    const KIND: &'static str = "login";
    const KEEPS_AWAKE: bool = false;
    type Outcome = AccountInfo;

    fn run(&self, ctx: &Ctx) -> Result<AccountInfo, Stop> {
        let posting = ctx.project.posting();
        let account = posting.account_meant(&self.account)?;
        let (session, new) = match Session::open(posting, &account.name) {
            Ok(session) if !(self.force && account.app != "script") => (session, false),
            Err(error) if account.app == "script" => return Err(error.into()),
            _ => {
                let code = in_browser(ctx, &account)?;
                let login = login_of(&account, code)?;
                (Session::with(posting, account, login, None)?, true)
            }
        };
        ctx.tick(Progress::new("checking the login", 0, None, "calls"));
        let scope = session.ask(Some(ctx), session.client.log_in())?;
        let facts = who_is(posting, &session, Some(ctx), &scope, new)?;
        Ok(logged_in(posting, &session, facts)?)
    }
}

fn login_of(account: &Account, code: repartee_reddit::Code) -> Result<Login> {
    let secret = secrets::find(&keychain_name(account), secrets::Secret::ClientSecret)?;
    Ok(Login {
        app: App {
            client_id: account.client_id.clone(),
            client_secret: secret
                .map(|(secret, _)| secret)
                .unwrap_or_else(|| SecretString::from("")),
        },
        grant: Grant::Code(code),
    })
}

/// Waits for the browser's answer.
fn in_browser(ctx: &Ctx, account: &Account) -> Result<repartee_reddit::Code, Stop> {
    let config = config_of(account);
    let runtime = runtime()?;
    let browser = runtime
        .block_on(Browser::begin(&config, &account.client_id, account.port))
        .map_err(Error::from)?;
    // sent, not logged: log lines are stored in the project
    ctx.send(Signal::Visit {
        address: browser.address().to_owned(),
    });
    ctx.tick(Progress::new("waiting for the browser", 0, None, "answers"));
    runtime.block_on(async {
        let mut answer = std::pin::pin!(browser.answer(ANSWER_WITHIN));
        loop {
            tokio::select! {
                code = &mut answer => return code.map_err(|e| Stop::Failed(e.into())),
                () = tokio::time::sleep(std::time::Duration::from_millis(200)) => ctx.go_on()?,
            }
        }
    })
}

/// Checks that the account is the one logged in. A `new` login of another account is not stored.
fn who_is(
    posting: Posting<'_>,
    session: &Session,
    ctx: Option<&Ctx>,
    scope: &str,
    new: bool,
) -> Result<AccountFacts, Stop> {
    let me = session.ask(ctx, session.client.me())?;
    let name = &session.account.name;
    if !me.name.eq_ignore_ascii_case(name) {
        if new {
            let kept = keychain_name(&session.account);
            secrets::forget(&kept, secrets::Secret::RefreshToken).map_err(Error::from)?;
        }
        return Err(Error::new(
            Code::Login,
            format!(
                "this is the login of u/{}, not of u/{name}; log in with the right account",
                me.name
            ),
        )
        .into());
    }
    let now_ms = session.now_ms();
    let since_utc = now_ms / 1000 - LOOK_BACK_S;
    let own = session.ask(ctx, session.client.own_comments(&me.name, since_utc))?;
    let ours = posting.store.posted_names(name)?;
    let strangers = own
        .iter()
        .take(LOOKED_AT)
        .filter(|comment| !ours.contains(&comment.name))
        .count();
    Ok(AccountFacts {
        checked_ms: Some(now_ms),
        login_ms: Some(now_ms),
        scope: scope.to_owned(),
        suspended: me.suspended,
        karma: me.karma,
        created_utc: Some(me.created_utc),
        verified: me.has_verified_email,
        strangers: u32::try_from(strangers).unwrap_or(u32::MAX),
    })
}

/// Stores the facts from a successful login; an account that was disabled for lack of one is enabled.
fn logged_in(posting: Posting<'_>, session: &Session, facts: AccountFacts) -> Result<AccountInfo> {
    let (store, name) = (&posting.store, &session.account.name);
    let suspended = facts.suspended;
    store.account_facts(name, &to_json(&facts)?)?;
    let now_ms = session.now_ms();
    store.audit_add(&Entry::new("repartee", "logged in", now_ms).about(format!("u/{name}")))?;
    if suspended {
        stop_account(posting, session, SUSPENDED)?;
    } else if store.account(name)?.stopped == CANNOT_WRITE {
        let entry = Entry::new("repartee", "resumed", now_ms).about(format!("u/{name}"));
        posting.stop_or_resume(name, "", &entry)?;
    }
    posting.account(name)
}

impl Posting<'_> {
    /// Begins a login whose browser is on another machine: see [`Posting::login_pasted`].
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if the account's settings are invalid.
    pub fn login_by_hand(self, account: &str) -> Result<ByHand> {
        let account = self.account_meant(account)?;
        let (pending, address) =
            Pending::by_hand(&config_of(&account), &account.client_id, account.port)?;
        Ok(ByHand {
            account,
            pending,
            address,
        })
    }

    /// Completes a login by the URL at which the browser ended, as the user pasted it.
    ///
    /// # Errors
    /// [`Code::Usage`] if it is not the end of this login; [`Code::Login`].
    pub fn login_pasted(self, begun: ByHand, pasted: &str) -> Result<AccountInfo> {
        let code = begun.pending.pasted(pasted)?;
        let login = login_of(&begun.account, code)?;
        let session = Session::with(self, begun.account, login, None)?;
        let scope = session.call(session.client.log_in())?;
        let facts = who_is(self, &session, None, &scope, true).map_err(|stop| match stop {
            Stop::Failed(error) => error,
            Stop::Pause | Stop::Finish | Stop::Cancel => {
                Error::new(Code::Busy, "the login was interrupted")
            }
        })?;
        logged_in(self, &session, facts)
    }

    /// Passes the URL at which the browser ended, as the user pasted it, to the waiting job `login`: the browser ran on
    /// another machine, or could not reach this one.
    ///
    /// # Errors
    /// [`Code::NotFound`] if no login of the account is waiting; [`Code::Usage`] if the URL is not the end of that
    /// login.
    pub fn login_hand_over(self, account: &str, pasted: &str) -> Result<()> {
        let account = self.account_meant(account)?;
        let is_of = |login: LogIn| {
            self.account_meant(&login.account)
                .is_ok_and(|meant| meant.name == account.name)
        };
        let waits = self.jobs()?.into_iter().any(|job| {
            job.kind == LogIn::KIND
                && matches!(job.state, JobStatus::Running | JobStatus::Waiting)
                && serde_json::from_value(job.params).is_ok_and(is_of)
        });
        if !waits {
            return Err(Error::new(
                Code::NotFound,
                format!(
                    "no login of u/{} is in progress; start a new one",
                    account.name
                ),
            ));
        }
        Ok(hand_over(account.port, pasted)?)
    }

    /// Logs an account out: revokes the login on Reddit and removes it from the keychain. Environment variables are not
    /// ours to remove.
    ///
    /// # Errors
    /// [`Code::NotFound`]; those of the network: then the revocation is unconfirmed, but the keychain's secrets are
    /// removed anyway.
    pub fn log_out(self, account: &str, who: &str) -> Result<AccountInfo> {
        let account = self.account_meant(account)?;
        let name = &account.name;
        // without a login there is none to revoke
        let revoked = match Session::open(self, name) {
            Ok(session) => session.call(session.client.revoke()),
            Err(_) => Ok(()),
        };
        for secret in [secrets::Secret::RefreshToken, secrets::Secret::Password] {
            secrets::forget(&keychain_name(&account), secret)?;
        }
        let mut facts: AccountFacts = from_json(&account.facts).unwrap_or_default();
        (facts.login_ms, facts.scope) = (None, String::new());
        self.store.account_facts(name, &to_json(&facts)?)?;
        let now_ms = self.environment.clock.now_ms();
        self.store
            .audit_add(&Entry::new(who, "logged out", now_ms).about(format!("u/{name}")))?;
        revoked?;
        self.account(name)
    }

    /// Stores a secret of an account in the system's keychain: password or client secret, as typed (never as a
    /// command-line argument).
    ///
    /// # Errors
    /// [`Code::Usage`] if there is no such secret; [`Code::Login`] if the keychain cannot be written.
    pub fn secret_keep(self, account: &str, which: &str, value: SecretString) -> Result<()> {
        let account = self.account_meant(account)?;
        let secret = match which {
            "password" => secrets::Secret::Password,
            "client-secret" => secrets::Secret::ClientSecret,
            other => {
                return Err(Error::usage(format!(
                    "there is no secret {other:?}; use password or client-secret"
                )));
            }
        };
        if secret == secrets::Secret::Password {
            let name = SecretString::from(account.name.as_str());
            secrets::keep(&keychain_name(&account), secrets::Secret::Username, &name)?;
        }
        Ok(secrets::keep(&keychain_name(&account), secret, &value)?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use repartee_core::{Kind, Project};

    use super::*;
    use crate::NewAccount;
    use crate::ToPosting;
    use repartee_core::job::new_id;

    /// Serves one request at a port, and returns its first line.
    fn serve(listener: TcpListener, answer: &'static str) -> std::thread::JoinHandle<String> {
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0_u8; 1024];
            let read = stream.read(&mut request).expect("a request");
            stream.write_all(answer.as_bytes()).expect("heard");
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            text.lines().next().unwrap_or_default().to_owned()
        })
    }

    #[test]
    fn pasted_url_only_reaches_the_waiting_login() {
        let folder = tempfile::tempdir().expect("a folder");
        static KINDS: &[Kind] = &[Kind::of::<LogIn>()];
        let project = Project::create(&folder.path().join("a.repartee"), KINDS).expect("a project");
        let posting = project.posting();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let account = NewAccount {
            name: "some_bot".to_owned(),
            client_id: "id".to_owned(),
            app: "installed".to_owned(),
            port,
            ..NewAccount::default()
        };
        posting.account_put(&account, "ada").expect("an account");
        let base = format!("http://127.0.0.1:{port}/callback");
        let paste = |address: &str| posting.login_hand_over("u/some_bot", address);
        let refused = |address: &str| paste(address).expect_err(address);

        let error = refused(&format!("{base}?state=s&code=c"));
        assert_eq!(error.code, Code::NotFound);
        assert!(error.message.contains("no login of u/some_bot"), "{error}");

        let params = serde_json::json!({ "account": "some_bot" });
        posting
            .submit(&new_id(), LogIn::KIND, &params)
            .expect("a job");
        for wrong in [
            "",
            "code=c",
            &base,
            &format!("{base}?state=s\r\nhost: evil&code=c"),
            &format!("http://127.0.0.1:{}/callback?state=s&code=c", port ^ 1),
            &format!("http://127.0.0.1:{port}/other?state=s&code=c"),
            &format!("http://127.0.0.1:{port}@evil.example/callback?code=c"),
            "https://evil.example/callback?state=s&code=c",
        ] {
            assert_eq!(refused(wrong).code, Code::Usage, "{wrong}");
        }

        let heard = serve(listener, "HTTP/1.1 200 OK\r\n\r\n");
        paste(&format!("  {base}?state=s&code=c#_\n")).expect("handed over");
        assert_eq!(
            heard.join().expect("heard"),
            "GET /callback?state=s&code=c HTTP/1.1"
        );

        // of another login, of another program, of nobody
        for (answer, code) in [
            ("HTTP/1.1 404 Not Found\r\n\r\n", Code::Usage),
            (
                "HTTP/1.1 302 Found\r\nlocation: http://evil.example/\r\n\r\n",
                Code::NotFound,
            ),
        ] {
            let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port again");
            let heard = serve(listener, answer);
            assert_eq!(
                refused(&format!("{base}?state=s&code=c")).code,
                code,
                "{answer}"
            );
            heard.join().expect("heard");
        }
        let error = refused(&format!("{base}?state=s&code=c"));
        assert_eq!(error.code, Code::NotFound);
        assert!(error.message.contains(&format!("port {port}")), "{error}");
    }
}
