//! The shape of `--json` of every command that runs quickly on the synthetic sample. To accept a change:
//! `INSTA_UPDATE=always cargo test -p repartee-tests --test cli`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use repartee_datasets::sample;
use repartee_tests::{Place, sample as sampled};
use serde_json::Value;

/// Runs commands and records the shape of what each prints.
struct Recorder {
    place: Place,
    text: String,
}

impl Recorder {
    /// The result of a command, whose words have no spaces.
    fn run(&mut self, command: &str) -> Value {
        let printed = self.place.ok(words(command)).result();
        self.record(command, &printed);
        printed
    }

    fn record(&mut self, command: &str, printed: &Value) {
        let mut found = BTreeMap::new();
        shape(printed, "", &mut found);
        self.text
            .push_str(&format!("$ repartee {command} --json\n"));
        for (path, kinds) in found {
            let kinds: Vec<&str> = match kinds.len() {
                1 => kinds.into_iter().collect(),
                // whether an optional value is there can depend on the moment
                _ => kinds.into_iter().filter(|kind| *kind != "null").collect(),
            };
            self.text
                .push_str(&format!("{path}: {}\n", kinds.join(" or ")));
        }
        self.text.push('\n');
    }

    /// Compares what was recorded since the last call with the snapshot of this name.
    fn compare(&mut self, name: &str) {
        insta::assert_snapshot!(format!("json_{name}"), std::mem::take(&mut self.text));
    }
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').chain(["--json"]).collect()
}

/// The kinds of values at every path below a value.
fn shape(value: &Value, path: &str, found: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    let mut add = |kind| {
        let path = if path.is_empty() { "." } else { path };
        found.entry(path.to_owned()).or_default().insert(kind);
    };
    match value {
        Value::Null => add("null"),
        Value::Bool(_) => add("bool"),
        Value::Number(_) => add("number"),
        Value::String(_) => add("string"),
        Value::Array(items) => {
            add("array");
            items
                .iter()
                .for_each(|item| shape(item, &format!("{path}[]"), found));
        }
        Value::Object(fields) => {
            add("object");
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match name.as_str() {
                    // its last report depends on the speed of the job
                    "progress" => {}
                    // those of a job: the command that started it has the shape
                    "outcome" | "params" if value.is_object() => {
                        found.entry(path).or_default().insert("object");
                    }
                    _ => shape(value, &path, found),
                }
            }
        }
    }
}

#[test]
fn json_shapes_of_every_command() {
    let (place, engine) = sampled::project(40);
    drop(engine);
    std::fs::create_dir(place.path("other")).unwrap();
    let mut more = Vec::new();
    sample::write_ndjson(&mut more, 8, 3).unwrap();
    more.write_all(b"this is not JSON\n").unwrap();
    place.write("more.ndjson", more);
    let mut all = Recorder {
        place,
        text: String::new(),
    };
    data(&mut all);
    models(&mut all);
    generation(&mut all);
    queue(&mut all);
    jobs(&mut all);
    reddit(&mut all);
    project(&mut all);
}

fn data(all: &mut Recorder) {
    all.run("new other/other.repartee");
    all.run("import more.ndjson --format pushshift --permission synthetic --name more");
    all.run("source list");
    all.run("source rejected more");
    all.run("source note more hello");
    all.run("source tag more small");
    all.run("source permit more synthetic");
    all.run("source origin more synthetic");
    all.run("source rename more extra");
    all.run("pairs build");
    let pairs = all.run("pairs show --limit 3");
    all.run("pairs count");
    let pair = pairs[0]["id"].clone();
    let pair = pair.as_str().map_or(pair.to_string(), str::to_owned);
    all.run(&format!("pairs exclude {pair} --reason test"));
    all.run("pairs excluded");
    all.run(&format!("pairs include {pair}"));
    all.run("split make second");
    all.run("split list");
    all.run("split show second");
    all.run("split audit second");
    all.run("study");
    all.run("study freeze --split main --metric auc --hypothesis better");
    all.run("study hypothesis worse --split main");
    all.run("study strict off --yes");
    all.run("study record training --pending");
    all.compare("data");
}

fn models(all: &mut Recorder) {
    let small = "--layers 1 --width 32 --heads 2 --context 64 --vocab 300";
    all.run(&format!("base new tiny --kind gpt2 --split main {small}"));
    all.run(&format!(
        "base new tinier --kind bert --split main {small} --estimate"
    ));
    all.run("base list");
    let short = "--steps 2 --batch 2 --max-tokens 64 --set validate_limit=8";
    all.run("train generator --base small-gpt2 --estimate");
    all.run("train generator --write-config writer.toml");
    all.run(&format!(
        "train generator --name writer --base small-gpt2 {short}"
    ));
    all.run("fakes make --generator writer --comments 8,4,4 --max-new-tokens 6");
    all.run("fakes list");
    all.run("fakes show");
    all.run(&format!(
        "train realism --name judge --base small-bert {short}"
    ));
    all.run(&format!(
        "train upvotes --name votes --base small-bert {short}"
    ));
    all.run("train marked");
    all.run("run list");
    all.run("run show writer");
    all.run("evaluate writer --limit 8");
    all.run("evaluate judge --limit 8");
    all.run("evaluate votes --limit 8");
    all.run("evaluation list");
    all.run("evaluation show judge --real-share 0.9");
    all.run("evaluation audit judge --limit 8");
    all.run("evaluation slices judge");
    all.run("evaluation thresholds judge --cost-false-positive 1 --cost-false-negative 2 --at 0.5 --csv all.csv");
    all.run("evaluation decoding judge");
    all.run("evaluation compare judge 2");
    all.run("quality writer judge votes --limit 8");
    all.run("chart roc judge --out roc");
    all.run(&format!(
        "train sweep generator --name lr --base small-gpt2 --grid learning_rate=1e-3,1e-4 {short}"
    ));
    all.run("train sweep list");
    all.run("train sweep show lr");
    all.run("report judge");
    all.run("run --plan");
    all.compare("models");
}

fn generation(all: &mut Recorder) {
    // in another precision than the fakes that the realism model was trained on, which it notes; that of `auto` depends
    // on the measured speed
    all.run(
        "generate --unseen 2 -n 2 --generator writer --realism judge --upvotes votes --min-p-real 0 --max-new-tokens 6 \
         --precision bf16",
    );
    all.run("generation list");
    all.compare("generation");
}

fn queue(all: &mut Recorder) {
    let queued = all.run("queue list");
    let id = queued[0]["id"].to_string();
    let id = id.trim_matches('"');
    all.run(&format!("queue edit {id} --text Edited."));
    let shown = all.run(&format!("queue show {id}"));
    let seen = shown["reply"]["seen"].as_str().unwrap().to_owned();
    let approve = ["queue", "approve", id, "--seen", &seen, "--json"];
    let approved = all.place.ok(approve).result();
    all.record("queue approve REPLY --seen HASH", &approved);
    all.run(&format!("queue reject {id} --reason test"));
    all.compare("queue");
}

fn jobs(all: &mut Recorder) {
    let queued = all.run("evaluate writer --limit 4 --queue");
    let id = queued["job"]["id"].as_str().unwrap().to_owned();
    let mut of_job = |command: &str, more: &[&str]| {
        let mut args: Vec<&str> = vec!["job", command, &id];
        args.extend(more);
        args.push("--json");
        let printed = all.place.ok(&args).result();
        all.record(&format!("job {command} JOB"), &printed);
    };
    of_job("move", &["--first"]);
    of_job("on-failure", &["stop"]);
    of_job("show", &[]);
    of_job("cancel", &[]);
    all.run("job list");
    all.run("job queue");
    all.run("job run");
    all.compare("job");
}

fn reddit(all: &mut Recorder) {
    all.run("reddit accounts add some_bot --client-id id");
    all.run("reddit accounts");
    all.run("reddit accounts label some_bot");
    all.run("reddit accounts stop some_bot --reason test");
    all.run("reddit accounts resume some_bot");
    all.run("reddit rules");
    all.run("reddit watch SampleGardening");
    all.run("reddit permit");
    all.run("reddit opt-out u/nobody_here --reason test");
    all.run("reddit opt-out");
    all.run("reddit threads");
    all.run("reddit outbox");
    all.run("reddit outcomes");
    all.run("reddit audit");
    all.run("reddit purge");
    all.run("reddit export threads.jsonl");
    all.run("reddit import threads.jsonl");
    all.compare("reddit");
}

fn project(all: &mut Recorder) {
    all.run("export pairs pairs.jsonl --split main --partition validation");
    all.run("export predictions judge predictions.csv");
    all.run("export run writer run-folder");
    all.run("export base tiny base-folder");
    all.run("export queue queue.csv");
    all.run("export tensorboard writer judge -o board");
    all.run("run delete votes --dry-run");
    all.run("base delete tiny --yes");
    all.run("check");
    all.run("compact");
    all.run("size");
    // its verdict depends on the machine
    let doctor = all.place.run(["doctor", "--json"]).result();
    all.record("doctor", &doctor);
    let bench = "bench train --model base-folder --batch 1 --length 8 --steps 1 --device cpu";
    let measured = all.place.ok(words(bench)).json();
    all.record(bench, &measured);
    all.compare("project");
}
