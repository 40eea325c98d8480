//! Sources of secrets: environment variables, then the operating system's keychain, then a clear error. They are never
//! in the project file, in a log, or in an argument list.
//!
//! | secret | variable |
//! |---|---|
//! | client id (not really secret, but used with them) | `REPARTEE_REDDIT_CLIENT_ID` |
//! | client secret; none for an installed app | `REPARTEE_REDDIT_CLIENT_SECRET` |
//! | account's name, for a script app | `REPARTEE_REDDIT_USERNAME` |
//! | account's password, for a script app | `REPARTEE_REDDIT_PASSWORD` |
//! | refresh token, from a login in the browser | `REPARTEE_REDDIT_REFRESH_TOKEN` |
//!
//! Everything here blocks, some of it until the user unlocks the keychain: call it outside of async code (the client
//! calls [`keep`] on a thread of its own).

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result};
use crate::login::{App, Grant, Login};

/// The keychain lists our entries under this name.
pub const SERVICE: &str = "repartee";

/// One of the secrets of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// Id of the app registered with Reddit.
    ClientId,
    /// Secret of that app; an installed app has none.
    ClientSecret,
    /// Name of the account.
    Username,
    /// Password of the account.
    Password,
    /// From a login in the browser.
    RefreshToken,
}

impl Secret {
    pub const ALL: [Self; 5] = [
        Self::ClientId,
        Self::ClientSecret,
        Self::Username,
        Self::Password,
        Self::RefreshToken,
    ];

    /// The environment variable for it.
    pub fn variable(self) -> &'static str {
        match self {
            Self::ClientId => "REPARTEE_REDDIT_CLIENT_ID",
            Self::ClientSecret => "REPARTEE_REDDIT_CLIENT_SECRET",
            Self::Username => "REPARTEE_REDDIT_USERNAME",
            Self::Password => "REPARTEE_REDDIT_PASSWORD",
            Self::RefreshToken => "REPARTEE_REDDIT_REFRESH_TOKEN",
        }
    }

    /// Its name in messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::ClientId => "the client id of your Reddit app",
            Self::ClientSecret => "the client secret of your Reddit app",
            Self::Username => "the name of the Reddit account",
            Self::Password => "the password of the Reddit account",
            Self::RefreshToken => "the login (refresh token)",
        }
    }

    /// Its part of the keychain entry's name.
    #[cfg(feature = "keychain")]
    fn key(self) -> &'static str {
        match self {
            Self::ClientId => "client-id",
            Self::ClientSecret => "client-secret",
            Self::Username => "username",
            Self::Password => "password",
            Self::RefreshToken => "refresh-token",
        }
    }
}

/// Where a secret was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An environment variable.
    Environment,
    /// The keychain of the operating system.
    Keychain,
}

/// Finds a secret of an account: in the environment (which applies to every account), then in the keychain. `None`: it
/// is in neither.
///
/// # Errors
/// [`Error::Keychain`] if the environment lacks it and the keychain is unavailable.
pub fn find(account: &str, secret: Secret) -> Result<Option<(SecretString, Source)>> {
    find_in(account, secret, &|name| std::env::var(name).ok())
}

fn find_in(
    account: &str,
    secret: Secret,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(SecretString, Source)>> {
    if let Some(value) = environment(secret.variable()).filter(|value| !value.is_empty()) {
        return Ok(Some((value.into(), Source::Environment)));
    }
    Ok(keychain::read(account, secret)?.map(|value| (value, Source::Keychain)))
}

/// Stores a secret of an account in the keychain.
///
/// # Errors
/// [`Error::Keychain`].
pub fn keep(account: &str, secret: Secret, value: &SecretString) -> Result<()> {
    keychain::write(account, secret, value.expose_secret())
}

/// Removes a secret of an account from the keychain, if it is there.
///
/// # Errors
/// [`Error::Keychain`].
pub fn forget(account: &str, secret: Secret) -> Result<()> {
    keychain::remove(account, secret)
}

/// The login of an account, from the secrets that exist: a refresh token if there is one, else name and password.
/// `client_id` is used if the secrets have none (the project file knows it).
///
/// # Errors
/// [`Error::NoSecret`], naming what is missing; [`Error::Keychain`] if it could not be searched.
pub fn login(account: &str, client_id: Option<&str>) -> Result<Login> {
    login_in(account, client_id, &|name| std::env::var(name).ok())
}

fn login_in(
    account: &str,
    client_id: Option<&str>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Login> {
    let mut trouble = None;
    // An unavailable keychain only matters if something is missing in the end: with everything in the environment, none
    // is needed. And one that failed once is not asked again: the user may have closed its prompt.
    let mut look = |secret: Secret| {
        let found = match &trouble {
            None => find_in(account, secret, environment),
            Some(_) => Ok(environment(secret.variable())
                .filter(|value| !value.is_empty())
                .map(|value| (value.into(), Source::Environment))),
        };
        found
            .unwrap_or_else(|error| {
                trouble = Some(error);
                None
            })
            .map(|(value, _)| value)
    };
    let id = look(Secret::ClientId)
        .map(|id| id.expose_secret().to_owned())
        .or_else(|| client_id.map(str::to_owned));
    let client_secret = look(Secret::ClientSecret).unwrap_or_default();
    let grant = match look(Secret::RefreshToken) {
        Some(token) => Ok(Grant::Refresh(token)),
        None => match (look(Secret::Username), look(Secret::Password)) {
            (Some(username), Some(password)) => Ok(Grant::Password {
                username: username.expose_secret().to_owned(),
                password,
            }),
            (Some(_), None) => Err(Secret::Password),
            (None, Some(_)) => Err(Secret::Username),
            (None, None) => Err(Secret::RefreshToken),
        },
    };
    match (id, grant) {
        (Some(id), Ok(grant)) => Ok(Login {
            app: App {
                client_id: id,
                client_secret,
            },
            grant,
        }),
        (None, _) => Err(missing(Secret::ClientId, trouble)),
        (_, Err(secret)) => Err(missing(secret, trouble)),
    }
}

fn missing(secret: Secret, trouble: Option<Error>) -> Error {
    let keychain = match trouble {
        Some(Error::Keychain { why, .. }) => {
            format!(" (the keychain of this system cannot be read: {why})")
        }
        _ if cfg!(feature = "keychain") => {
            ", or log in, which puts it into the keychain".to_owned()
        }
        _ => " (this build has no keychain)".to_owned(),
    };
    Error::NoSecret {
        what: secret.words(),
        variable: secret.variable(),
        keychain,
    }
}

#[cfg(feature = "keychain")]
mod keychain {
    use std::sync::Arc;

    use keyring_core::{CredentialStore, Entry, Error as Keyring};
    use secrecy::SecretString;

    use super::{SERVICE, Secret};
    use crate::error::{Error, Result};

    pub fn read(account: &str, secret: Secret) -> Result<Option<SecretString>> {
        match entry(account, secret).and_then(|entry| entry.get_password()) {
            Ok(value) => Ok(Some(value.into())),
            Err(Keyring::NoEntry) => Ok(None),
            Err(error) => Err(failed("be read", secret, &error)),
        }
    }

    pub fn write(account: &str, secret: Secret, value: &str) -> Result<()> {
        entry(account, secret)
            .and_then(|entry| entry.set_password(value))
            .map_err(|error| failed("be written", secret, &error))
    }

    pub fn remove(account: &str, secret: Secret) -> Result<()> {
        match entry(account, secret).and_then(|entry| entry.delete_credential()) {
            Ok(()) | Err(Keyring::NoEntry) => Ok(()),
            Err(error) => Err(failed("be written", secret, &error)),
        }
    }

    fn entry(account: &str, secret: Secret) -> keyring_core::Result<Entry> {
        let user = format!("reddit/{account}/{}", secret.key());
        Entry::new_in_store(&store()?, SERVICE, &user)
    }

    /// The keychain, opened again each time: a desktop session may come and go. A process-wide store takes precedence:
    /// tests use one of their own.
    fn store() -> keyring_core::Result<Arc<CredentialStore>> {
        if let Some(set) = keyring_core::get_default_store() {
            return Ok(set);
        }
        #[cfg(target_os = "macos")]
        return Ok(apple_native_keyring_store::keychain::Store::new()?);
        #[cfg(windows)]
        return Ok(windows_native_keyring_store::Store::new()?);
        #[cfg(all(unix, not(target_os = "macos")))]
        return Ok(dbus_secret_service_keyring_store::Store::new()?);
        #[cfg(not(any(unix, windows)))]
        return Err(Keyring::NoDefaultStore);
    }

    /// Keyring's message without the values that some of its errors contain.
    fn failed(doing: &'static str, secret: Secret, error: &Keyring) -> Error {
        let why = match error {
            Keyring::PlatformFailure(why) | Keyring::NoStorageAccess(why) => why.to_string(),
            Keyring::BadEncoding(_) | Keyring::BadDataFormat(..) => {
                "the entry was not written by this program".to_owned()
            }
            Keyring::Ambiguous(_) => "there are several entries of that name".to_owned(),
            other => other.to_string(),
        };
        Error::Keychain {
            doing,
            variable: secret.variable(),
            why,
        }
    }
}

#[cfg(not(feature = "keychain"))]
mod keychain {
    use secrecy::SecretString;

    use super::Secret;
    use crate::error::{Error, Result};

    pub fn read(_: &str, _: Secret) -> Result<Option<SecretString>> {
        Ok(None)
    }

    pub fn write(_: &str, secret: Secret, _: &str) -> Result<()> {
        Err(none("be written", secret))
    }

    pub fn remove(_: &str, _: Secret) -> Result<()> {
        Ok(())
    }

    fn none(doing: &'static str, secret: Secret) -> Error {
        Error::Keychain {
            doing,
            variable: secret.variable(),
            why: "this build knows no keychain".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'a>(set: &'a [(Secret, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let found = set.iter().find(|(secret, _)| secret.variable() == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn environment_takes_precedence_and_needs_no_keychain() {
        let set = [
            (Secret::ClientId, "id"),
            (Secret::ClientSecret, "hush"),
            (Secret::Username, "bot"),
            (Secret::Password, "pw"),
        ];
        let login = login_in("bot", None, &environment(&set)).expect("a login");
        assert_eq!(login.app.client_id, "id");
        assert_eq!(login.app.client_secret.expose_secret(), "hush");
        assert!(matches!(&login.grant, Grant::Password { username, .. } if username == "bot"));
        let (value, source) = find_in("bot", Secret::Password, &environment(&set))
            .expect("found")
            .expect("there");
        assert_eq!((value.expose_secret(), source), ("pw", Source::Environment));
    }

    #[test]
    fn refresh_token_takes_precedence_over_password() {
        let set = [
            (Secret::RefreshToken, "r"),
            (Secret::Username, "bot"),
            (Secret::Password, "pw"),
        ];
        let login = login_in("bot", Some("from the project"), &environment(&set)).expect("a login");
        assert_eq!(login.app.client_id, "from the project");
        assert_eq!(login.app.client_secret.expose_secret(), "");
        assert!(matches!(login.grant, Grant::Refresh(_)));
    }

    #[test]
    fn missing_secret_is_named_with_its_variable() {
        // an account that no keychain knows, if there is one where the test runs
        let nobody = "nobody of repartee's tests";
        let missing = |set: &[(Secret, &str)]| {
            let error =
                login_in(nobody, None, &environment(set)).expect_err("something is missing");
            error.to_string()
        };
        assert!(missing(&[]).contains("REPARTEE_REDDIT_CLIENT_ID"));
        let id = (Secret::ClientId, "id");
        assert!(missing(&[id]).contains("REPARTEE_REDDIT_REFRESH_TOKEN"));
        let half = missing(&[id, (Secret::Username, "bot")]);
        assert!(half.contains("REPARTEE_REDDIT_PASSWORD"), "{half}");
        // an empty variable counts as missing
        assert!(missing(&[(Secret::ClientId, "")]).contains("REPARTEE_REDDIT_CLIENT_ID"));
    }

    /// Environment variables apply to every account and take precedence over the keychain, which has one entry per
    /// account.
    #[cfg(feature = "keychain")]
    #[test]
    fn keychain_provides_what_the_environment_lacks() {
        // The store is process-wide: concurrent tests use other account names in it.
        let (account, another) = ("bot with a keychain", "another bot with a keychain");
        let mock = keyring_core::mock::Store::new().expect("a keychain of the test's own");
        keyring_core::set_default_store(mock);
        let found = |account: &str, set: &[(Secret, &str)]| {
            find_in(account, Secret::RefreshToken, &environment(set))
                .expect("the keychain can be read")
                .map(|(value, source)| (value.expose_secret().to_owned(), source))
        };
        let kept = Some(("kept".to_owned(), Source::Keychain));
        keep(account, Secret::RefreshToken, &"kept".into()).expect("kept");
        assert_eq!(found(account, &[]), kept);
        assert_eq!(found(another, &[]), None);
        let set = [(Secret::RefreshToken, "given")];
        for account in [account, another] {
            let given = Some(("given".to_owned(), Source::Environment));
            assert_eq!(found(account, &set), given, "{account}");
        }
        // an empty variable counts as missing
        assert_eq!(found(account, &[(Secret::RefreshToken, "")]), kept);
        // a login takes each of its secrets from where it is
        let id = [(Secret::ClientId, "id"), (Secret::ClientSecret, "hush")];
        let login = login_in(account, None, &environment(&id)).expect("a login");
        assert_eq!(login.app.client_secret.expose_secret(), "hush");
        assert!(matches!(&login.grant, Grant::Refresh(token) if token.expose_secret() == "kept"));

        keep(account, Secret::RefreshToken, &"kept later".into()).expect("kept");
        let later = Some(("kept later".to_owned(), Source::Keychain));
        assert_eq!(found(account, &[]), later);
        for _ in 0..2 {
            // removing what does not exist is no error
            forget(account, Secret::RefreshToken).expect("forgotten");
            assert_eq!(found(account, &[]), None);
        }
        let missing = login_in(account, None, &environment(&id)).expect_err("there is no login");
        assert!(
            missing
                .to_string()
                .contains("REPARTEE_REDDIT_REFRESH_TOKEN")
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let set = [
            (Secret::ClientId, "id"),
            (Secret::ClientSecret, "marker-1"),
            (Secret::Username, "bot"),
            (Secret::Password, "marker-2"),
        ];
        let login = login_in("bot", None, &environment(&set)).expect("a login");
        assert!(!format!("{login:?}").contains("marker"), "{login:?}");
    }
}
