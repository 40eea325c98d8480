//! Files of each kind that people have, made here.

use super::*;

#[test]
fn json_without_rows_is_an_error() {
    for text in [
        r#"{"kind":"Listing","data":{"children":[]}}"#,
        r#"{"json":{"errors":[],"data":{"things":[]}}}"#,
        r#"{"message":"Unauthorized","error":401}"#,
        "[]",
    ] {
        let row = own("a.json", text);
        row.refused(&[], 2, &["a.json"]).unwrap();
        let sources = row.place.engine().sources().unwrap();
        assert!(sources.iter().all(|s| !s.complete), "{text}");
    }
}

#[test]
fn json_lines_are_detected_with_a_first_line_of_any_length() {
    let line = |id: &str, parent: &str, body: &str| {
        format!(
            r#"{{"id":"{id}","link_id":"t3_p1","parent_id":"{parent}","author":"{id}","subreddit":"k","body":"{body}"}}"#
        )
    };
    let long = "word ".repeat(80_000);
    let text = [
        line("c1", "t3_p1", &long),
        line("c2", "t1_c1", "yes"),
        "broken".into(),
    ]
    .join("\n");
    assert_eq!(own("RC", text).taken(&[]).unwrap(), (2, 0, 1));
}

#[test]
fn tables_of_comments_are_read_as_csv_lines_and_arrays() {
    let csv = "utt,answers,says,who\nu-1,,Hello there,ann\nu-2,u-1,Hi yourself,bob\n";
    let rows = [
        ("u-1", "", "Hello there", "ann"),
        ("u-2", "u-1", "Hi yourself", "bob"),
    ];
    let objects: Vec<String> = rows
        .iter()
        .map(|(id, to, text, who)| {
            format!(r#"{{"utt":"{id}","answers":"{to}","says":"{text}","who":"{who}"}}"#)
        })
        .collect();
    let map = ["--map", "id=utt,parent=answers,text=says,author=who"];
    for (name, text) in [
        ("a.csv", csv.to_owned()),
        ("a.jsonl", objects.join("\n")),
        ("a.json", format!("[{}]", objects.join(",\n"))),
        ("b.json", format!("{{\"rows\":[\n{}]}}", objects.join(","))),
        (
            "c.json",
            format!("{{\"n\":2,\"rows\":[{}]}}", objects.join(",")),
        ),
    ] {
        let pairs = own(name, text).pairs(&map, &[]).unwrap();
        assert_eq!(
            pairs,
            [("Hello there".into(), "Hi yourself".into(), None)],
            "{name}"
        );
    }
}

#[test]
fn source_without_imported_rows_can_be_imported_again() {
    let text = r#"{"id":"c1","link_id":"t3_p1","subreddit":"k","body":"yes"}"#;
    let row = own("RC", text);
    for _ in 0..2 {
        row.refused(&["--subreddit", "other"], 1, &["subreddit 1"])
            .unwrap();
    }
    assert_eq!(row.taken(&[]).unwrap().0, 1);
    let ran = row.import(&[]);
    assert_eq!(ran.result()["sources"][0]["already"], true, "{ran}");
}

#[cfg(unix)]
#[test]
fn pipes_of_every_kind_are_read_as_streams() {
    let lines = "{\"id\":\"c1\",\"link_id\":\"t3_p\",\"parent_id\":\"t3_p\",\"body\":\"is it hot\",\"subreddit\":\"k\"}\n\
        {\"id\":\"c2\",\"link_id\":\"t3_p\",\"parent_id\":\"t1_c1\",\"body\":\"very\",\"subreddit\":\"k\"}\n";
    let table = "comment,reply\nis it hot,very\n";
    let permissions = GRANTED.map(|arg| format!("'{arg}'")).join(" ");
    let binary = repartee_tests::binary().display();
    let map = format!("--map {M}");
    for (what, command) in [
        ("lines", "import <(cat RC)"),
        ("a dump", "import <(cat RC.zst)"),
        ("a table", "import <(cat table.csv) MAP"),
        ("- as a pipe", "cat RC | import -"),
        ("- as a file", "import - < RC.zst"),
        ("/dev/stdin as a pipe", "cat RC.zst | import /dev/stdin"),
        ("/dev/stdin as a file", "import /dev/stdin < RC"),
        (
            "a FIFO",
            "mkfifo fifo; (cat table.csv > fifo &); import fifo MAP",
        ),
        (
            "a slow pipe",
            "(head -c 50 RC; sleep 1; tail -c +51 RC) | import -",
        ),
    ] {
        let place = Place::with_project();
        place.write("RC", lines);
        place.write("RC.zst", zstd::encode_all(lines.as_bytes(), 3).unwrap());
        place.write("table.csv", table);
        let import = format!("{binary} import --quiet --json {permissions}");
        let (before, after) = command.split_once("import ").unwrap();
        let script = format!("{before}{import} {}", after.replace("MAP", &map));
        let ran = Ran::from(
            std::process::Command::new("bash")
                .args(["-c", &script])
                .current_dir(place.folder())
                .env(repartee_engine::machine::STATE_FOLDER, place.state())
                .env_remove("REPARTEE_PROJECT")
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        );
        assert_eq!(ran.status, Some(0), "{what}: {ran}");
        assert_eq!(
            ran.result()["sources"][0]["counts"]["comments"],
            2,
            "{what}: {ran}"
        );
        assert_eq!(
            ran.result()["sources"][0]["complete"],
            true,
            "{what}: {ran}"
        );
        place.ok(["pairs", "build", "--quiet"]);
        let pairs = place.ok(["pairs", "show", "--json"]).result();
        assert_eq!(pairs[0]["reply"], "very", "{what}");
    }
}

#[test]
fn killed_import_is_incomplete_and_a_second_one_completes_it() {
    let place = Place::with_project();
    let mut lines = Vec::new();
    repartee_datasets::sample::write_ndjson(&mut lines, 5, 4_000).unwrap();
    let path = place.write("dump.ndjson", &lines);
    let mut child = place
        .repartee([&["import", "-", "--quiet"][..], &GRANTED].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // half of it, and the pipe stays open: the import is in the middle
    let mut to = child.stdin.take().unwrap();
    let half = lines[..lines.len() / 2].to_vec();
    let writer = std::thread::spawn(move || {
        let _ = to.write_all(&half);
        to
    });
    let started = Instant::now();
    let stored = || {
        let db = rusqlite::Connection::open(place.project()).unwrap();
        db.busy_timeout(Duration::from_secs(30)).unwrap();
        db.query_row("SELECT count(*) FROM comment", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
    };
    while stored() == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "nothing was stored"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(writer.join());
    let kept = stored();
    let whole = Row {
        place: Place::with_project(),
        path: path.clone(),
    };
    let all = whole.taken(&[]).unwrap();
    assert!(kept > 0 && (kept as u64) < all.0, "{kept} of {}", all.0);
    let again = Row { place, path };
    assert!(
        again
            .place
            .engine()
            .sources()
            .unwrap()
            .iter()
            .all(|s| !s.complete)
    );
    let ran = again.import(&[]);
    assert_eq!(ran.status, Some(0), "{ran}");
    let source = &ran.result()["sources"][0];
    assert_eq!(
        (&source["complete"], &source["already"]),
        (&true.into(), &false.into())
    );
    assert!(source["counts"]["known"].as_u64().unwrap() > 0, "{ran}");
    let db = rusqlite::Connection::open(again.place.project()).unwrap();
    let now: i64 = db
        .query_row("SELECT count(*) FROM comment", [], |row| row.get(0))
        .unwrap();
    assert_eq!(now as u64, all.0);
}
