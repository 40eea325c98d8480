//! Valid files of every kind that is read, and their mutation: the seeds of the fuzz targets.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use repartee_datasets::sample;
use repartee_engine::Engine;
use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;

use crate::fuzz::{VOCABULARY, tiny_model};
use crate::sample::done;

/// Good examples for a target.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "ndjson" => ndjson(),
        "csv" => csv(),
        "json" => json(),
        "parquet" => tables(),
        "safetensors" => {
            let (config, weights) = tiny_model();
            vec![[config, vec![0], weights].concat()]
        }
        "tokenizer" => tokenizers(),
        "project" => vec![project()],
        _ => Vec::new(),
    }
}

fn ndjson() -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 3, 4).expect("written to memory");
    let odd = [
        r#"{"id":"c1","link_id":"t3_p1","parent_id":"t1_c0","author":"u/ann","subreddit":"r/k","body":"a \ud83d\ude00 &amp; b","score":"1.5","created_utc":1600000000.0}"#,
        r#"{"id":"5","name":"t1_5","link_id":7,"parent_id":5,"body":"cut \ud83d here","score":NaN,"created_utc":"1600000000000","_meta":{"was_deleted_later":true}}"#,
        r#"{"id":"p1","title":"a title","selftext":"","score_hidden":true,"retrieved_on":1600000001}"#,
        r#"{"utt":"x","title":"Why?","answers":{"text":["a","b"],"score":[1,2]},"comment":"c","reply":"r"}"#,
        r#"{"id":"c2","link_id":"t3_p1","body":"one"}{"id":"c3","link_id":"t3_p1","body":"two"}"#,
    ]
    .join("\n");
    let flat = [
        r#"{"id":"u1","reply_to":null,"text":"hello","speaker":"ann","conversation_id":"u1","meta":{"score":3}}"#,
        r#"{"ID":7,"parent_id":6.0,"post_id":"p1","Body":"hi","author":{"id":"bob","name":"Bob"},"ups":"3.7","created_at":"2020-09-13"}"#,
        r#"{"id":"u2","reply_to":"u1","text":"a"} {"id":"u3","reply_to":"u2","text":"b"}"#,
    ]
    .join("\n");
    let pack = |text: &[u8]| zstd::encode_all(text, 3).expect("packed in memory");
    let mut long = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    long.long_distance_matching(true).expect("a setting");
    long.window_log(27).expect("a setting");
    long.write_all(&lines).expect("packed in memory");
    vec![
        pack(&lines),
        long.finish().expect("packed in memory"),
        lines,
        pack(odd.as_bytes()),
        odd.into_bytes(),
        flat.into_bytes(),
    ]
}

fn csv() -> Vec<Vec<u8>> {
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let plain = "comment,reply,score,created\n\"is it, hot\",\"very\nhot\",\"1,234\",2019-04-01 10:00:00 UTC\nx,\"he said \"\"no\"\"\",1.2k,1554076800000\n";
    vec![
        plain.as_bytes().to_vec(),
        utf16(&format!("\u{FEFF}{plain}")),
        plain.replace(',', "\t").into_bytes(),
        format!("sep=;\r\n{}", plain.replace(',', ";").replace('\n', "\r\n")).into_bytes(),
        b"id,parent_id,link_id,author,body,score,created_utc\nc1,t3_p1,t3_p1,ann,hello,3,1600000000\nc2,t1_c1,t3_p1,bob,hi,,\n".to_vec(),
        b"a,b\nx,\"stray\ny,2\nz,3\n".to_vec(),
        b"a, b\nx, \"a, b\"\n  \"y\" z, \\N\n".to_vec(),
        zstd::encode_all(plain.as_bytes(), 3).expect("packed in memory"),
    ]
}

fn json() -> Vec<Vec<u8>> {
    let comment = |id: &str, replies: &str| {
        format!(
            r#"{{"kind":"t1","data":{{"id":"{id}","name":"t1_{id}","link_id":"t3_p1","parent_id":"t3_p1","author":"ann","subreddit":"k","body":"5 &gt; 3","body_html":"&lt;p&gt;","score":3,"created_utc":1600000000.0,"replies":{replies}}}}}"#
        )
    };
    let listing = |children: &str| {
        format!(r#"{{"kind":"Listing","data":{{"after":null,"children":[{children}]}}}}"#)
    };
    let inner = listing(&comment("c2", "\"\""));
    let post = r#"{"kind":"t3","data":{"id":"p1","title":"t","selftext":"s","subreddit":"k"}}"#;
    let thread = format!("[{},{}]", listing(post), listing(&comment("c1", &inner)));
    let exchange =
        serde_json::json!([{"request": {"uri": "x"}, "response": {"body": {"string": thread}}}]);
    vec![
        exchange.to_string().into_bytes(),
        format!(r#"{{"json":{{"errors":[],"data":{{"things":[{}]}}}}}}"#, comment("c3", "\"\"")).into_bytes(),
        br#"[{"id":"p1","title":"t","selftext":"","comments":[{"id":"c1","body":"x","author":"a","parent_id":"t3_p1","replies":[{"body":"y","id":"c2","author":"DELETED"}]}]}]"#.to_vec(),
        br#"[{"comment":"c","reply":"r","score":1},{"comment":"c","reply":["r","s"]},{"title":"t","answers":{"text":["x"],"score":[1]}}]"#.to_vec(),
        br#"{"rows":[{"id":"u1","parent_id":"","body":"hello","author":"ann"},{"id":"u2","parent_id":"u1","body":"hi","author":"bob"}]}"#.to_vec(),
        thread.into_bytes(),
    ]
}

/// Parquet files as other programs write them.
pub fn tables() -> Vec<Vec<u8>> {
    let forms = [
        (
            Compression::UNCOMPRESSED,
            WriterVersion::PARQUET_1_0,
            Encoding::PLAIN,
            false,
        ),
        (
            Compression::SNAPPY,
            WriterVersion::PARQUET_1_0,
            Encoding::PLAIN,
            true,
        ),
        (
            Compression::ZSTD(Default::default()),
            WriterVersion::PARQUET_2_0,
            Encoding::PLAIN,
            true,
        ),
        (
            Compression::GZIP(Default::default()),
            WriterVersion::PARQUET_2_0,
            Encoding::DELTA_BYTE_ARRAY,
            false,
        ),
        (
            Compression::BROTLI(Default::default()),
            WriterVersion::PARQUET_1_0,
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
            false,
        ),
        (
            Compression::LZ4_RAW,
            WriterVersion::PARQUET_2_0,
            Encoding::DELTA_BYTE_ARRAY,
            false,
        ),
        (
            Compression::LZ4,
            WriterVersion::PARQUET_1_0,
            Encoding::PLAIN,
            false,
        ),
    ];
    forms
        .into_iter()
        .map(|(codec, version, encoding, dictionary)| {
            let properties = WriterProperties::builder()
                .set_compression(codec)
                .set_writer_version(version)
                .set_dictionary_enabled(dictionary);
            let properties = match dictionary {
                true => properties,
                false => properties.set_column_encoding("body".into(), encoding),
            };
            table(
                properties.build(),
                &["a kettle", "a kettle", "the kettle", ""],
            )
        })
        .collect()
}

/// A table with a title, a body, a time and a list of answers.
pub fn table(properties: WriterProperties, texts: &[&str]) -> Vec<u8> {
    let schema = "message m { required binary title (UTF8); optional binary body; \
        required int64 created (TIMESTAMP_MILLIS); \
        optional group answers (LIST) { repeated group list { optional binary element (UTF8); } } }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let texts: Vec<ByteArray> = texts.iter().map(|text| ByteArray::from(*text)).collect();
    let rows = texts.len();
    for column in 0..4 {
        let mut writer = group.next_column().expect("columns").expect("a column");
        match column {
            0 => writer
                .typed::<ByteArrayType>()
                .write_batch(&texts, None, None),
            1 => writer
                .typed::<ByteArrayType>()
                .write_batch(&texts, Some(&vec![1; rows]), None),
            2 => {
                writer
                    .typed::<Int64Type>()
                    .write_batch(&vec![1_554_076_800_000; rows], None, None)
            }
            _ => {
                // two answers in the first row, none in the last, one in each of the others
                let values: Vec<ByteArray> = texts
                    .iter()
                    .take(1)
                    .chain(&texts[..rows - 1])
                    .cloned()
                    .collect();
                let (mut def, mut rep) = (vec![3; rows], vec![0; rows]);
                rep[1] = 1;
                def.push(0);
                rep.push(0);
                writer
                    .typed::<ByteArrayType>()
                    .write_batch(&values, Some(&def), Some(&rep))
            }
        }
        .expect("a column of the table");
        writer.close().expect("a whole column");
    }
    group.close().expect("a whole group");
    writer.close().expect("a whole file");
    bytes
}

fn tokenizers() -> Vec<Vec<u8>> {
    let vocab: serde_json::Map<String, serde_json::Value> = VOCABULARY
        .iter()
        .zip(0..)
        .map(|(token, id): (&&str, i32)| ((*token).to_owned(), id.into()))
        .collect();
    let added: Vec<_> = VOCABULARY[..5]
        .iter()
        .zip(0..)
        .map(|(token, id): (&&str, i32)| {
            serde_json::json!({"id": id, "content": token, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let special =
        |token: &str, id: i32| serde_json::json!({"id": token, "ids": [id], "tokens": [token]});
    let of = |normalizer: serde_json::Value, pre: serde_json::Value, model: serde_json::Value| {
        serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": normalizer, "pre_tokenizer": pre,
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                "special_tokens": {"[CLS]": special("[CLS]", 2), "[SEP]": special("[SEP]", 3)}},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": model,
        })
        .to_string()
        .into_bytes()
    };
    vec![
        of(
            serde_json::json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true}),
            serde_json::json!({"type": "BertPreTokenizer"}),
            serde_json::json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": vocab}),
        ),
        of(
            serde_json::json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"},
                {"type": "Replace", "pattern": {"Regex": "a{1,3}"}, "content": "b"},
                {"type": "Prepend", "prepend": "x"}, {"type": "Strip", "strip_left": true, "strip_right": true}]}),
            serde_json::json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": "\\s+(?!x)"}, "behavior": "Isolated", "invert": false},
                {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": true},
                {"type": "Digits", "individual_digits": true}]}),
            serde_json::json!({"type": "BPE", "dropout": null, "unk_token": "[UNK]",
                "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
                "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": []}),
        ),
        of(
            serde_json::Value::Null,
            serde_json::json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}),
            serde_json::json!({"type": "Unigram", "unk_id": 1, "byte_fallback": false,
                "vocab": VOCABULARY.iter().map(|token| serde_json::json!([token, -1.5])).collect::<Vec<_>>()}),
        ),
    ]
}

fn project() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.repartee");
    let mut engine = Engine::create(&path).expect("a project");
    engine.environment.state = Some(folder.path().join("state"));
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 7, 3).expect("written to memory");
    let file = folder.path().join("sample.ndjson");
    std::fs::write(&file, lines).expect("the sample");
    done(
        &engine,
        &Import {
            files: vec![file],
            permission: repartee_datasets::Permission::Synthetic,
            ..Import::default()
        },
    );
    done(&engine, &BuildPairs::default());
    engine.compact().expect("all in one file");
    drop(engine);
    std::fs::read(&path).expect("the project's bytes")
}

// ---------------------------------------------------------------------------------------------
// Mutation

/// Pseudo-random numbers (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Texts that have broken readers before.
const WORDS: [&str; 36] = [
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\udc00\\ud800",
    "\u{FEFF}",
    "\r\n",
    "\n\n",
    ";",
    ",",
    "\t",
    ",,,,",
    "[",
    "]",
    "{",
    "}",
    ":",
    "null",
    "NaN",
    "-Infinity",
    "1e999",
    "-0",
    "99999999999999999999999",
    "0.1e-9",
    "\0",
    "\u{FFFD}",
    "\"replies\":",
    "\"data\":{",
    "\"kind\":\"t1\",",
    "\"id\":\"\",",
    "sep=;\n",
    "@9223372036854775807",
    "9999-99-99",
    "t1_",
    "##",
    "(a+)+$",
];

/// Sizes and counts that overflow somewhere.
const NUMBERS: [u64; 14] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    1_000_000_000,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// One of these files, mutated in one to six places.
pub fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        bend(&mut bytes, seeds, dice);
    }
    bytes.truncate(4 << 20);
    bytes
}

fn bend(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    // the ends of a file contain its headers and footers
    let at = match dice.below(4) {
        0 => at.min(dice.below(64)),
        1 => bytes.len().saturating_sub(1 + dice.below(300)),
        _ => at,
    };
    let left = bytes.len() - at.min(bytes.len());
    match dice.below(13) {
        0 if left > 0 => bytes[at] ^= 1 << dice.below(8),
        1 if left > 0 => bytes[at] = dice.below(256) as u8,
        2 => bytes.truncate(at),
        3 => {
            let other = &seeds[dice.below(seeds.len())];
            let (from, to) = (dice.below(other.len()), dice.below(other.len()));
            let part = other[from.min(to)..from.max(to)].to_vec();
            bytes.splice(at..at, part);
        }
        4 => {
            let part = bytes[at..at + dice.below(left.min(200))].to_vec();
            let times = 1 + dice.below(2000 / (part.len() + 1) + 2);
            bytes.splice(at..at, part.repeat(times));
        }
        5 => {
            let number = NUMBERS[dice.below(NUMBERS.len())].to_le_bytes();
            let size = [1, 2, 4, 8][dice.below(4)].min(left);
            bytes[at..at + size].copy_from_slice(&number[..size]);
        }
        6 => {
            // replaces a run of digits by another number
            let Some(from) = bytes[at..].iter().position(u8::is_ascii_digit) else {
                return;
            };
            let from = at + from;
            let size = bytes[from..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            let number = match dice.below(3) {
                0 => NUMBERS[dice.below(NUMBERS.len())].to_string(),
                1 => format!("-{}", dice.below(1000)),
                _ => "1e308".to_owned(),
            };
            bytes.splice(from..from + size, number.into_bytes());
        }
        7 => {
            let open = [
                "[",
                "{\"a\":",
                "{\"replies\":[",
                "{\"data\":{\"children\":[",
                "\"",
                "(",
            ][dice.below(6)];
            let times = [1, 3, 70, 130, 3000, 70_000][dice.below(6)];
            bytes.splice(at..at, open.repeat(times).into_bytes());
        }
        8 => {
            bytes.drain(at..at + dice.below(left.min(400)));
        }
        9 => {
            // a number in seven bits per byte, larger than before
            let size = dice.below(10).min(left);
            bytes[at..at + size].fill(0xFF);
        }
        10 => {
            let to = dice.below(bytes.len());
            let size = dice
                .below(64)
                .min(left)
                .min(bytes.len() - to.min(bytes.len()));
            let part = bytes[at..at + size].to_vec();
            bytes[to..to + size].copy_from_slice(&part);
        }
        _ => {
            let word = WORDS[dice.below(WORDS.len())];
            let times = [1, 1, 1, 2, 5000][dice.below(5)];
            bytes.splice(at..at, word.repeat(times).into_bytes());
        }
    }
}
