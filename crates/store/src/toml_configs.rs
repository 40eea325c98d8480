//! Up to version 10 of the schema, the settings of runs were stored as TOML. The migration to version 11 makes them JSON,
//! with an SQL function that exists only while a file is migrated.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::Result;

/// Registers `toml_to_json(text)`: a TOML document as JSON, NULL if it is none.
pub(crate) fn register(db: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DIRECTONLY
        | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function(c"toml_to_json", 1, flags, |ctx| {
        // a damaged file may hold anything, and must open nevertheless
        Ok(ctx.get_raw(0).as_str().ok().and_then(json_of))
    })?;
    Ok(())
}

/// Removes the function.
pub(crate) fn unregister(db: &Connection) -> Result<()> {
    db.remove_function(c"toml_to_json", 1)?;
    Ok(())
}

fn json_of(text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).ok()?;
    serde_json::to_string(&table).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rusqlite_migration::Migrations;

    use super::*;
    use crate::{APPLICATION_ID, MIGRATIONS, Store};

    #[test]
    fn settings_of_a_project_of_version_10_become_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.repartee");
        let toml = "# A generator run of Repartee.\n\n# Run name\nname = \"w \\\"1\\\"\"\nepochs = 3.0\n\
                    learning_rate = 0.00012345678901234567\nseed = 9007199254740993\n";
        {
            let mut db = Connection::open(&path).unwrap();
            db.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))
                .unwrap();
            db.pragma_update(None, "foreign_keys", false).unwrap();
            Migrations::from_slice(&MIGRATIONS[..10])
                .to_latest(&mut db)
                .unwrap();
            db.execute_batch(
                "INSERT INTO bundle (id) VALUES (1);
                 INSERT INTO base (id, name, kind, origin, config, bundle_id, created_ms)
                    VALUES (1, 'b', 'gpt2', '', '{}', 1, 1);
                 INSERT INTO split (id, name, seed, config, audit, created_ms)
                    VALUES (1, 'main', 1, '{}', NULL, 1);",
            )
            .unwrap();
            let run =
                "INSERT INTO run (id, name, kind, base_id, split_id, config, facts, created_ms)
                       VALUES (?1, ?1, 'generator', 1, 1, ?2, '{}', 1)";
            db.execute(run, (1, toml)).unwrap();
            db.execute(run, (2, "no [ TOML")).unwrap();
            let job = "INSERT INTO job (id, kind, params, state, beat_ms, created_ms)
                       VALUES (?1, ?2, ?3, 'paused', 1, 1)";
            let params = serde_json::json!({ "config": toml }).to_string();
            db.execute(job, ("a", "train", &params)).unwrap();
            db.execute(job, ("b", "evaluate", &params)).unwrap();
            db.execute(job, ("c", "train", "no JSON")).unwrap();
            db.execute(job, ("d", "train", r#"{"config":"no [ TOML"}"#))
                .unwrap();
        }
        let store = Store::open(&path).unwrap();
        // no bit of a number is lost, and no digit of a whole one
        let json = r#"{"name":"w \"1\"","epochs":3.0,"learning_rate":0.00012345678901234567,"seed":9007199254740993}"#;
        let want: serde_json::Value = serde_json::from_str(json).unwrap();
        let config = store.run("1").unwrap().config;
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&config).unwrap(),
            want
        );
        for digits in ["0.00012345678901234567", "9007199254740993"] {
            assert!(config.contains(digits), "{config}");
        }
        assert_eq!(store.run("2").unwrap().config, "no [ TOML");
        let params = |id: &str| store.job(id).unwrap().unwrap().params;
        assert!(params("a").contains(&config), "{}", params("a"));
        let old = serde_json::json!({ "config": toml }).to_string();
        assert_eq!(params("b"), old, "a job of another kind is not changed");
        assert_eq!(params("c"), "no JSON");
        assert_eq!(params("d"), r#"{"config":"no [ TOML"}"#);
        // the function exists only during the migration
        let call = "SELECT toml_to_json('a = 1')";
        assert!(store.writer().connection.prepare(call).is_err());
    }
}
