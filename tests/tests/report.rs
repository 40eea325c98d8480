//! The report of a run has the figures of its evaluations, no text of anyone unless asked for, and nothing in it acts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::report::WriteReport;
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Engine, SamplingParams, api};
use repartee_tests::sample::{done, project};
use repartee_tests::stranger::database;
use repartee_tests::{Place, Saved};
use serde_json::json;

/// What a stranger could put into a name or a note.
const PLANTED: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";

fn train(engine: &Engine, kind: ModelKind, name: &str) {
    let config = RunConfig {
        name: name.to_owned(),
        steps: 4,
        batch_size: 8,
        max_tokens: 64,
        samples: 2,
        validate_limit: 20,
        patience: 0,
        ..RunConfig::of(kind)
    };
    done(engine, &Train::new(&config).unwrap());
}

/// A copy of a project with three runs, of which each has one evaluation.
fn trained() -> Place {
    static MADE: OnceLock<Saved> = OnceLock::new();
    let saved = MADE.get_or_init(|| {
        let (place, engine) = project(150);
        train(&engine, ModelKind::Generator, "writer");
        let make = MakeFakes {
            generator: "writer".to_owned(),
            comments: [40, 20, 20],
            sampling: SamplingParams {
                max_new_tokens: 8,
                ..SamplingParams::default()
            },
            ..MakeFakes::default()
        };
        done(&engine, &make);
        train(&engine, ModelKind::Realism, "judge");
        train(&engine, ModelKind::Upvotes, "votes");
        for run in ["writer", "judge", "votes"] {
            let evaluate = Evaluate {
                run: run.to_owned(),
                limit: 60,
                ..Evaluate::default()
            };
            done(&engine, &evaluate);
        }
        drop(engine);
        place.save()
    });
    saved.copy()
}

/// Writes the report of a run; returns the page and the Markdown.
fn written(engine: &Engine, run: &str, examples: usize) -> [String; 2] {
    let place = Place::empty();
    let wanted = WriteReport {
        run: run.to_owned(),
        page: place.path("page.html"),
        markdown: Some(place.path("text.md")),
        examples,
    };
    let files = engine.run_report(&wanted).unwrap();
    let read = |file: &PathBuf| std::fs::read_to_string(file).unwrap();
    [read(&files[0]), read(&files[1])]
}

/// The text of a page or of Markdown, without escapes.
fn plain(text: &str) -> String {
    let mut text = text.replace('\\', "");
    for (entity, c) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, c);
    }
    text
}

/// Every tag is closed, in order.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").expect("a document");
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag that ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before {rest:.80}");
            continue;
        }
        if tag.ends_with('/') {
            continue;
        }
        let name = tag.split_whitespace().next().unwrap();
        open.push(name);
        if ["script", "style"].contains(&name) {
            rest = &rest[rest.find("</").expect("its end")..];
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// Nothing is loaded from anywhere, and the only script is the page's own.
fn assert_self_contained(page: &str) {
    let own = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for loads in [
        " src=", "url(", "@import", "<link", "<iframe", "<img", "http:", "https:",
    ] {
        assert!(!own.contains(loads), "{loads}");
    }
    let mut links = own.split("href=\"").skip(1);
    assert!(links.all(|link| link.starts_with('#')));
    assert_eq!(own.matches("<script").count(), 1);
    assert!(own.contains(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;"
    ));
}

/// Markdown without its blocks of commands, in which everything is literal.
fn outside_of_fences(markdown: &str) -> String {
    let mut inside = false;
    let lines = markdown.lines().filter(|line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !fence && !inside
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn reports_have_the_figures_of_their_evaluations() {
    let place = trained();
    let engine = Arc::new(place.engine());
    for run in ["writer", "judge", "votes"] {
        let id = engine.evaluation_of(run).unwrap().id;
        let wanted = WriteReport {
            run: run.to_owned(),
            page: place.path(&format!("{run}.html")),
            ..WriteReport::default()
        };
        let files = engine.run_report(&wanted).unwrap();
        assert_eq!(files[1], place.path(&format!("{run}.md")));
        let page = std::fs::read_to_string(&files[0]).unwrap();
        let markdown = std::fs::read_to_string(&files[1]).unwrap();
        assert_well_formed(&page);
        assert_self_contained(&page);

        let answer = api::call(&engine, "evaluation.get", &json!({ "id": id }));
        let evaluation = answer.unwrap().unwrap();
        let mut figures = 0;
        for one in evaluation["compared"].as_array().unwrap() {
            let Some(value) = one["value"].as_f64() else {
                continue;
            };
            assert!(
                page.contains(&format!("<data value=\"{value}\">")),
                "{run}: {one}"
            );
            figures += 1;
        }
        assert!(figures > 1, "{run}: {evaluation}");
        // rounded, with intervals and baselines, in both
        for one in engine.evaluation(id).unwrap().compared {
            let (value, baselines) = (one.written_with_interval(), one.baselines_written());
            for text in [plain(&page), plain(&markdown)] {
                assert!(text.contains(&value), "{run} {}: {value}", one.figure);
                assert!(
                    text.contains(&baselines),
                    "{run} {}: {baselines}",
                    one.figure
                );
            }
        }
        for text in [plain(&page), plain(&markdown)] {
            for part in [
                "Data card",
                "Model card",
                "Training",
                "Kept as pairs",
                "All settings",
                "Methods",
                "How to repeat it",
                "small-",
                "synthetic",
                &format!("repartee evaluate {run} --partition test"),
                "--seed 1",
                &format!("repartee train {}", engine.run_show(run).unwrap().kind),
                env!("CARGO_PKG_VERSION"),
            ] {
                assert!(text.contains(part), "{run}: {part}");
            }
        }
        let charts = page.matches("<svg").count();
        match run {
            "writer" => assert_eq!(charts, 1, "the loss"),
            _ => {
                assert_eq!(charts, 5);
                assert_eq!(page.matches("data-roc=").count(), 1);
                assert!(markdown.contains("True positive rate of"), "{markdown}");
                for slice in engine.evaluation_slices(run, &[]).unwrap().slices {
                    for text in [plain(&page), plain(&markdown)] {
                        assert!(text.contains(&slice.name), "{run}: {}", slice.name);
                        let auc = slice.figures[0].written();
                        assert!(text.contains(&auc), "{run} {}: {auc}", slice.name);
                    }
                }
            }
        }
    }
}

#[test]
fn decision_threshold_of_an_evaluation_is_repeated_by_the_report() {
    let place = trained();
    let args = ["evaluate", "judge", "--limit", "60", "--threshold", "0.7"];
    let evaluated = place.ok(args);
    assert!(
        evaluated.out.contains("decision threshold 0.7"),
        "{evaluated}"
    );
    let refused = place.run(["evaluate", "votes", "--threshold", "0.7"]);
    assert_eq!(refused.status, Some(2), "{refused}");
    assert!(refused.err.contains("for a realism model"), "{refused}");
    let engine = place.engine();
    for text in written(&engine, "judge", 0) {
        assert!(plain(&text).contains("--batch 16 --threshold 0.7"));
    }
}

#[test]
fn reports_have_no_text_of_anyone_unless_asked_for() {
    let place = trained();
    let engine = place.engine();
    for run in ["writer", "judge"] {
        let id = engine.evaluation_of(run).unwrap().id;
        let examples = engine.evaluation_examples(id, true, None, 60).unwrap();
        let samples = engine.run_show(run).unwrap().samples.into_iter();
        let mut texts: Vec<String> = examples
            .iter()
            .flat_map(|one| [one.comment.clone(), one.reply.clone()])
            .collect();
        texts.extend(samples.flat_map(|(_, comment, reply)| [comment, reply]));
        texts.retain(|text| text.chars().count() > 20);
        assert!(texts.len() > 20, "{run}");

        let [page, markdown] = written(&engine, run, 0);
        for text in &texts {
            assert!(!plain(&page).contains(text), "{run}: {text}");
            assert!(!plain(&markdown).contains(text), "{run}: {text}");
        }
        assert!(page.contains("It contains no text of comments or replies."));
        let [page, _] = written(&engine, run, 2);
        assert_well_formed(&page);
        let shown = examples[0].comment.replace('\\', "");
        assert!(plain(&page).contains(shown.trim()), "{run}: {shown}");
        assert!(page.contains("It contains texts of comments and replies"));
    }
}

#[test]
fn names_and_notes_of_a_stranger_do_nothing() {
    let place = trained();
    let db = database(&place.project());
    for sql in [
        "UPDATE run SET name = ?1 WHERE name = 'judge'",
        "UPDATE source SET name = ?1, note = ?1",
        "UPDATE split SET name = ?1",
        "UPDATE base SET name = ?1 WHERE name = 'small-bert'",
        "UPDATE fake_set SET name = ?1",
    ] {
        assert_eq!(db.execute(sql, [PLANTED]).unwrap(), 1, "{sql}");
    }
    drop(db);
    let engine = place.engine();
    let [page, markdown] = written(&engine, PLANTED, 0);
    assert_well_formed(&page);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&gt;&lt;img"));
    for acts in ["<script>alert", "<img"] {
        assert!(!page.contains(acts), "{acts}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    let markdown = outside_of_fences(&markdown);
    assert!(plain(&markdown).contains(PLANTED));
    assert!(!markdown.contains("<script") && !markdown.contains("<img"));
}

#[test]
fn missing_permission_is_on_the_report() {
    let place = trained();
    database(&place.project())
        .execute("UPDATE source SET origin = 'reddit'", [])
        .unwrap();
    let engine = place.engine();
    let mark = engine.study_mark().unwrap().expect("a notice");
    for text in written(&engine, "judge", 0) {
        assert!(plain(&text).contains(&mark), "{mark}");
    }
}

#[test]
fn reports_overwrite_nothing() {
    let place = trained();
    let engine = place.engine();
    let wanted = |page: &str| WriteReport {
        run: "writer".to_owned(),
        page: place.path(page),
        ..WriteReport::default()
    };
    place.write("one.html", "mine");
    place.write("two.md", "mine");
    for page in ["one.html", "two.html"] {
        let error = engine.run_report(&wanted(page)).unwrap_err();
        assert_eq!(error.code, Code::Exists, "{error}");
        assert!(error.message.contains("already exists"), "{error}");
    }
    assert_eq!(
        std::fs::read_to_string(place.path("one.html")).unwrap(),
        "mine"
    );
    assert!(!place.path("one.md").exists() && !place.path("two.html").exists());
    for page in ["three.pdf", "three"] {
        let error = engine.run_report(&wanted(page)).unwrap_err();
        assert_eq!(error.code, Code::Usage, "{error}");
    }
    let nobody = WriteReport {
        run: "nobody".to_owned(),
        ..wanted("four.html")
    };
    assert_eq!(engine.run_report(&nobody).unwrap_err().code, Code::NotFound);
    assert!(!place.path("four.html").exists());
}

#[test]
fn command_names_the_files_after_the_run() {
    let place = trained();
    let ran = place.ok(["report", "judge"]);
    assert!(
        ran.out
            .contains("Wrote judge-report.html and judge-report.md"),
        "{ran}"
    );
    assert!(ran.out.contains("outside the project"), "{ran}");
    let page = std::fs::read_to_string(place.path("judge-report.html")).unwrap();
    assert_well_formed(&page);
    let again = place.run(["report", "judge"]);
    assert_eq!(again.status, Some(2), "{again}");
    assert!(again.err.contains("already exists"), "{again}");
    let args = [
        "report",
        "votes",
        "--out",
        "v.html",
        "--markdown",
        "w.md",
        "--examples",
        "1",
        "--json",
    ];
    let result = place.ok(args).result();
    assert_eq!(result["files"], json!(["v.html", "w.md"]));
    assert!(place.path("w.md").exists());
}
