//! Deletion down to the bytes of the file, of fetched and of imported texts.

use super::*;

fn fetch_post(engine: &Engine, post: &str) -> Fetched {
    let job = Fetch {
        posts: vec![post.to_owned()],
        ..Fetch::default()
    };
    fetch(engine, job)
}

const SECRET_TEXT: &str = "My telephone number is five five five one two three four";

const TITLE: &str = "Where can I leave my number, and who will call";

/// A fetched post with many comments, of which two will be deleted.
struct Long {
    fake: Fake,
    place: Place,
    engine: Engine,
    post: String,
    comment: String,
    deleted_account: String,
    fetched: Fetched,
}

impl Long {
    fn fetched() -> Self {
        let fake = fake(0);
        let place = Place::with_project();
        let mut engine = place.engine();
        connect(&mut engine, &fake);
        let mut world = fake.world();
        let body = "A body of the post that nobody should keep";
        let post = world.add_post("Quiet", "host", TITLE, body);
        let comment = world
            .add_comment(&post, "asker_in_need", SECRET_TEXT)
            .unwrap();
        let text = "Another text that has to go with its account";
        let deleted_account = world.add_comment(&post, "asker_who_left", text).unwrap();
        for n in 0..300 {
            let text = format!("Filler number {n} to fill some pages {n}");
            world
                .add_comment(&post, &format!("other{n}"), &text)
                .unwrap();
        }
        drop(world);
        Self {
            fetched: fetch_post(&engine, &post),
            fake,
            place,
            engine,
            post,
            comment,
            deleted_account,
        }
    }
}

#[test]
fn deleted_text_is_gone_from_the_bytes() {
    let long = Long::fetched();
    let (place, engine) = (&long.place, &long.engine);
    // it is also in the parameters of a job, in its log, and in a candidate
    let job = "11111111-2222-7333-8444-555555555555";
    let params = serde_json::json!({ "generator": "x", "comments": [{ "comment": SECRET_TEXT }] });
    engine.enqueue(job, "generate", &params, false).unwrap();
    {
        let store = Store::open(&place.project()).unwrap();
        let line = format!("answered {SECRET_TEXT}");
        store.job_log(job, 0, &line).unwrap();
    }
    assert!(has(&bytes(place), SECRET_TEXT) && has(&bytes(place), "asker_in_need"));
    {
        let mut world = long.fake.world();
        world.comment(&long.comment).unwrap().deleted = true;
        world.comment(&long.deleted_account).unwrap().removed = true;
    }
    let synced = done(engine, &Sync::default());
    assert_eq!(
        (synced.gone, synced.comments, synced.scrubbed),
        (2, 2, true),
        "{synced:?}"
    );
    let left = bytes(place);
    for text in [
        SECRET_TEXT,
        "asker_in_need",
        "Another text that has to go",
        "asker_who_left",
    ] {
        assert!(!has(&left, text), "{text}");
    }
    assert!(has(&left, TITLE));
    // it is not fetched again, whatever a saved file says
    let again = fetch_post(engine, &long.post);
    assert_eq!(again.threads[0].id, long.fetched.threads[0].id);
    assert!(!has(&bytes(place), SECRET_TEXT));
}

#[test]
fn deleted_post_is_purged_with_everything_under_it() {
    let long = Long::fetched();
    long.fake.world().post(&long.post).unwrap().deleted = true;
    assert!(has(&bytes(&long.place), "Filler number 7 to fill"));
    let synced = done(&long.engine, &Sync::default());
    assert!(synced.posts == 1 && synced.comments >= 300, "{synced:?}");
    let left = bytes(&long.place);
    for text in [
        TITLE,
        SECRET_TEXT,
        "A body of the post",
        "Filler number 7 to fill",
    ] {
        assert!(!has(&left, text), "{text}");
    }
}

#[test]
fn texts_are_forgotten_by_the_link_to_a_comment_and_by_the_name_of_a_post() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let (named, said) = {
        let mut world = fake.world();
        let named = world.add_post("Quiet", "host", "A thread that may stay here", "text");
        let said = world
            .add_comment(&named, "asker_by_link", "Please forget these very words")
            .unwrap();
        (named, said)
    };
    fetch_post(&engine, &named);
    assert!(has(&bytes(&place), "Please forget these very words"));
    let link = format!(
        "https://www.reddit.com/r/Quiet/comments/{}/-/{}/",
        &named[3..],
        &said[3..]
    );
    let refused = engine
        .posting()
        .forget_names(&["u/asker".to_owned()], "ada");
    assert_eq!(refused.unwrap_err().code, Code::Usage);
    let forgotten = engine.posting().forget_names(&[link], "ada").unwrap();
    assert_eq!((forgotten.comments, forgotten.posts), (1, 0));
    let left = bytes(&place);
    assert!(!has(&left, "Please forget these very words") && !has(&left, "asker_by_link"));
    assert!(has(&left, "A thread that may stay here"));
    assert_eq!(
        engine
            .posting()
            .forget_names(&[named], "ada")
            .unwrap()
            .posts,
        1
    );
    assert!(!has(&bytes(&place), "A thread that may stay here"));
}

#[test]
fn fetched_texts_are_purged_after_48_hours_without_network() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    let clock = connect(&mut engine, &fake);
    let title = "Another one that expires soon";
    let post = fake.world().add_post("Quiet", "host", title, "text");
    fetch_post(&engine, &post);
    engine.posting().forget_expired().unwrap();
    assert!(has(&bytes(&place), title));
    clock.skip(Duration::from_secs(49 * 3600));
    assert_eq!(engine.posting().forget_expired().unwrap().posts, 1);
    assert!(!has(&bytes(&place), title));
}

#[test]
fn maintenance_finishes_a_purge_whose_process_was_killed() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let title = "A title that is wiped and left in the log";
    let post = fake.world().add_post("Quiet", "host", title, "text");
    fetch_post(&engine, &post);
    assert!(!engine.posting().wants_maintenance().unwrap());
    let gone = repartee_store::purge::Gone {
        name: post,
        why: "deleted".to_owned(),
    };
    let store = Store::open(&place.project()).unwrap();
    store.purge(&[gone], "repartee", 1).unwrap();
    assert!(has(&bytes(&place), title));
    assert!(engine.posting().wants_maintenance().unwrap());
    let kept = done(&engine, &Maintenance::default());
    assert!(kept.synced[0].scrubbed, "{kept:?}");
    assert!(!has(&bytes(&place), title));
    assert!(!store.wants_scrub().unwrap());
}

/// Everything in the sandbox, as an archive would have it.
fn dump(fake: &Fake) -> String {
    let world = fake.world();
    let posts = world.posts.values().map(|post| {
        serde_json::json!({
            "id": post.id, "subreddit": post.subreddit, "author": post.author, "title": post.title,
            "selftext": post.body, "score": post.score, "created_utc": post.created_utc,
        })
    });
    let comments = world.comments.values().map(|comment| {
        serde_json::json!({
            "id": comment.id, "link_id": format!("t3_{}", comment.post), "parent_id": comment.parent,
            "subreddit": "Quiet", "author": comment.author, "body": comment.body,
            "score": comment.score, "created_utc": comment.created_utc,
        })
    });
    posts
        .chain(comments)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Checks imported texts; returns the result, and all log lines.
fn sync_imported(engine: &Engine) -> (Result<Synced, Error>, String) {
    let said = Mutex::new(String::new());
    let job = Sync {
        imported: true,
        ..Sync::default()
    };
    let ended = engine.start(&job, &|signal| {
        if let Signal::Log { text } = signal {
            said.lock().unwrap().push_str(&text);
        }
    });
    let synced = ended.map(|ended| match ended {
        Ended::Done(synced) => synced,
        other => panic!("{other:?}"),
    });
    (synced, said.into_inner().unwrap())
}

/// The names in each call that checked some.
fn asked(fake: &Fake) -> Vec<Vec<String>> {
    let world = fake.world();
    let calls = world.calls(On::Info).into_iter();
    calls
        .map(|call| {
            let ids = call
                .query
                .split('&')
                .find_map(|pair| pair.strip_prefix("id="));
            let ids = ids.unwrap().replace("%2C", ",");
            ids.split(',').map(str::to_owned).collect()
        })
        .collect()
}

const PAIRS: usize = 120;

/// A project with imported texts: two posts with `PAIRS` questions and answers, and synthetic ones.
struct Imported {
    fake: Fake,
    place: Place,
    engine: Engine,
    posts: Vec<String>,
    comments: Vec<String>,
}

impl Imported {
    fn new() -> Self {
        let fake = fake(0);
        let place = Place::with_project();
        let mut engine = place.engine();
        connect(&mut engine, &fake);
        let mut world = fake.world();
        let posts: Vec<String> = (0..2)
            .map(|n| world.add_post("Quiet", "host", &format!("Title {n} of a dump"), "text"))
            .collect();
        let mut comments = Vec::new();
        for n in 0..PAIRS {
            let ask = format!("Question {n} of somebody in a dump?");
            let answer = format!("Answer {n} of somebody in a dump.");
            let asked = world
                .add_comment(&posts[n % 2], &format!("asker{n}"), &ask)
                .unwrap();
            let answered = world
                .add_comment(&asked, &format!("helper{n}"), &answer)
                .unwrap();
            comments.extend([asked, answered]);
        }
        drop(world);
        // generated texts have no author: Reddit is not asked about them
        let mut made = Vec::new();
        repartee_datasets::sample::write_ndjson(&mut made, 7, 20).unwrap();
        for (name, content, permission) in [
            (
                "dump.ndjson",
                dump(&fake).into_bytes(),
                Permission::Research,
            ),
            ("sample.ndjson", made, Permission::Synthetic),
        ] {
            let import = Import {
                files: vec![place.write(name, content)],
                format: Some(Format::Pushshift),
                permission,
                ..permitted()
            };
            done(&engine, &import);
        }
        done(&engine, &BuildPairs::default());
        assert!(engine.overview().unwrap().pairs > PAIRS as u64);
        Self {
            fake,
            place,
            engine,
            posts,
            comments,
        }
    }

    /// Two of the first hundred are deleted, two of the rest, and a post.
    fn delete_some(&self) {
        let mut world = self.fake.world();
        world.comment(&self.comments[6]).unwrap().deleted = true;
        world.comment(&self.comments[41]).unwrap().missing = true;
        // an author who deletes the account counts as a deletion
        world.comment(&self.comments[120]).unwrap().author = "[deleted]".to_owned();
        world.comment(&self.comments[239]).unwrap().deleted = true;
        world.post(&self.posts[1]).unwrap().deleted = true;
    }
}

/// Texts of what `delete_some` deletes.
const DELETED: [&str; 5] = [
    "Question 3 of",
    "Answer 20 of",
    "Question 60 of",
    "Answer 119 of",
    "Title 1 of",
];

#[test]
fn imported_texts_are_checked_only_on_request() {
    let of = Imported::new();
    assert_eq!(done(&of.engine, &Sync::default()).looked_at, 0);
    assert_eq!(asked(&of.fake).len(), 0);
}

#[test]
fn check_of_imported_texts_resumes_after_a_failure_and_purges_what_is_gone() {
    let of = Imported::new();
    of.delete_some();
    // the network fails after a hundred
    of.fake.world().fail(Rule {
        skip: 1,
        ..Rule::always(On::Info, Fault::StatusBefore { status: 503 })
    });
    let (failed, said) = sync_imported(&of.engine);
    assert_eq!(failed.unwrap_err().code, Code::Io);
    assert!(
        said.contains("242 imported texts in 3 calls, at 100 a minute: a minute at most"),
        "{said}"
    );
    assert_eq!(asked(&of.fake)[0], of.comments[..100]);
    of.fake.world().heal();

    // the next one resumes there, and wipes what the previous one could not
    let before = asked(&of.fake).len();
    let (synced, said) = sync_imported(&of.engine);
    let synced = synced.unwrap();
    assert!(said.contains("142 imported texts left"), "{said}");
    let rest = of.comments[100..].iter().chain(&of.posts).cloned();
    let rest: Vec<String> = rest.collect();
    assert_eq!(asked(&of.fake)[before..].concat(), rest);
    assert_eq!(
        (
            synced.looked_at,
            synced.gone,
            synced.imported,
            synced.doubted,
            synced.scrubbed
        ),
        (142, 3, 3, 0, true)
    );
    let left = bytes(&of.place);
    for text in DELETED {
        assert!(!has(&left, text), "{text}");
    }
    for text in ["Question 4 of", "Answer 3 of", "Answer 60 of", "Title 0 of"] {
        assert!(has(&left, text), "{text}");
    }
}

#[test]
fn next_pass_starts_again_and_an_answer_without_any_of_a_hundred_is_not_believed() {
    let of = Imported::new();
    of.delete_some();
    assert_eq!(sync_imported(&of.engine).0.unwrap().gone, 5);
    for name in &of.comments[..230] {
        of.fake.world().comment(name).unwrap().missing = true;
    }
    let before = asked(&of.fake).len();
    let (synced, said) = sync_imported(&of.engine);
    let synced = synced.unwrap();
    assert!(said.contains("237 imported texts in 3 calls"), "{said}");
    assert_eq!(asked(&of.fake)[before][0], of.comments[0]);
    assert_eq!((synced.looked_at, synced.doubted), (237, 200));
    // of the last call, which also showed some, what is missing is gone
    assert_eq!(synced.gone, 230 - 3 - 200);
    assert!(has(&bytes(&of.place), "Question 0 of"));
}

#[test]
fn reddit_is_not_asked_about_a_forum_and_missing_ids_of_unknown_origin_are_doubted() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let (post, asked_id) = {
        let mut world = fake.world();
        let post = world.add_post("Quiet", "host", "A title", "text");
        let asked = world
            .add_comment(&post, "asker", "A question of somebody?")
            .unwrap();
        world
            .add_comment(&asked, "helper", "An answer of somebody.")
            .unwrap();
        (post, asked)
    };
    // small numbers, like Reddit's first ids
    let mut table = String::from("id,parent_id,author,body\n");
    for n in 1..=9 {
        let (asks, answers) = (2 * n, 2 * n + 1);
        table += &format!("{asks},,ann{n},Question {n} of the forum\n");
        table += &format!("{answers},{asks},bob{n},Answer {n} of the forum\n");
    }
    let import = |name: &str, content: String, origin: Origin| {
        let import = Import {
            files: vec![place.write(name, content)],
            origin: Some(origin),
            ..permitted()
        };
        done(&engine, &import);
        done(&engine, &BuildPairs::default());
    };
    import("forum.csv", table.clone(), Origin::Forum);
    assert_eq!(sync_imported(&engine).0.unwrap().looked_at, 0);
    assert_eq!(asked(&fake).len(), 0);
    // with a dump in the same project, only that is asked about
    import("dump.ndjson", dump(&fake), Origin::Reddit);
    let synced = sync_imported(&engine).0.unwrap();
    assert_eq!((synced.looked_at, synced.gone), (3, 0));
    assert!(asked(&fake)[0].contains(&post) && asked(&fake)[0].contains(&asked_id));
    // nobody says where it comes from: that Reddit has no such id proves nothing
    engine
        .source_origin("forum.csv", Origin::Unknown, false, PERSON)
        .unwrap();
    let synced = sync_imported(&engine).0.unwrap();
    assert_eq!((synced.looked_at, synced.gone, synced.doubted), (21, 0, 18));
    assert!(has(&bytes(&place), "Answer 9 of the forum"));
}

#[test]
fn export_and_import_do_not_extend_retention() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    let clock = connect(&mut engine, &fake);
    let text = "A thread that is kept for two days";
    let post = fake.world().add_post("Quiet", "host", text, "text");
    let posts = vec![post];
    fetch(
        &engine,
        Fetch {
            posts,
            ..Fetch::default()
        },
    );
    let file = place.path("threads.jsonl");
    engine.posting().threads_export(&file, &[]).unwrap();
    // an earlier version wrote no time
    let untimed: String = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("fetched_ms").unwrap();
            format!("{line}\n")
        })
        .collect();
    let untimed = place.write("old.jsonl", untimed);
    let hours = |hours: u64| clock.skip(Duration::from_secs(hours * 3_600));
    hours(40);
    for file in [&file, &untimed] {
        engine.posting().threads_import(file).unwrap();
        assert!(has(&bytes(&place), text));
    }
    hours(9);
    assert_eq!(engine.posting().forget_expired().unwrap().posts, 1);
    for file in [&file, &untimed] {
        let error = engine.posting().threads_import(file).unwrap_err();
        assert_eq!(error.code, Code::Negative, "{error}");
        assert!(error.message.contains("48 hours"), "{error}");
        assert!(!has(&bytes(&place), text));
    }
    // nor in another project
    let other = Place::with_project();
    let mut engine = other.engine();
    engine.environment.clock = clock;
    assert_eq!(
        engine.posting().threads_import(&file).unwrap_err().code,
        Code::Negative
    );
}
