//! Settings of a project: a name and a JSON value.

use rusqlite::{OptionalExtension, params};
use serde::{Serialize, de::DeserializeOwned};

use crate::watch::Family;
use crate::{Error, Result, Store};

impl Store {
    /// A setting, or `None` if it was never set.
    ///
    /// # Errors
    /// If it does not fit `T`.
    pub fn setting<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let value: Option<String> = self.read(|db| {
            let sql = "SELECT value FROM setting WHERE key = ?1";
            Ok(db
                .prepare_cached(sql)?
                .query_row([key], |row| row.get(0))
                .optional()?)
        })?;
        value
            .map(|json| serde_json::from_str(&json))
            .transpose()
            .map_err(|source| Error::Setting {
                key: key.to_owned(),
                source,
            })
    }

    pub fn set_setting<T: Serialize>(&self, key: &str, value: &T) -> Result<()> {
        let json = serde_json::to_string(value).map_err(|source| Error::Json {
            what: "setting",
            source,
        })?;
        self.write(Family::Settings, |db| {
            db.execute(
                "INSERT INTO setting (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![key, json],
            )?;
            Ok(())
        })
    }

    /// Sets a setting that was never set; returns its value, whichever process set it.
    ///
    /// # Errors
    /// As [`Store::setting`].
    pub fn setting_or<T: Serialize + DeserializeOwned>(&self, key: &str, first: T) -> Result<T> {
        let json = serde_json::to_string(&first).map_err(|source| Error::Json {
            what: "setting",
            source,
        })?;
        self.write(Family::Settings, |db| {
            db.execute(
                "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
                params![key, json],
            )?;
            Ok(())
        })?;
        Ok(self.setting(key)?.unwrap_or(first))
    }
}
