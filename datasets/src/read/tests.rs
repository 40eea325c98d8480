use super::*;
use crate::record::{Comment, Post};
use serde_json::{Value, json};
use std::io::Write;

#[derive(Default)]
struct All {
    comments: Vec<Comment>,
    posts: Vec<Post>,
    rejected: Vec<Rejected>,
    counts: Counts,
    progress: ReadProgress,
}

impl All {
    fn add(&mut self, batch: Batch) {
        for record in batch.records {
            match record {
                Record::Comment(c) => self.comments.push(c),
                Record::Post(p) => self.posts.push(p),
            }
        }
        self.rejected.extend(batch.rejected);
        self.counts.add(&batch.counts);
        self.progress = batch.progress;
    }
}

struct Got {
    batch: All,
    summary: Result<Summary, Error>,
}

/// Reads bytes as a file of this name.
fn read_bytes(name: &str, bytes: &[u8], options: &Options) -> Got {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut batch = All::default();
    let summary = read(&path, options, |b| {
        batch.add(b);
        ControlFlow::Continue(())
    });
    Got { batch, summary }
}

fn dump(rows: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for n in 0..rows {
        let sub = if n % 3 == 0 { "Rust" } else { "cpp" };
        writeln!(
            out,
            r#"{{"id":"{}","body":"text number {n}","link_id":"t3_p","subreddit":"{sub}","score":{n}}}"#,
            crate::id::encode(n as i64 + 1000)
        )
        .unwrap();
    }
    out
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(31).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn plain_and_packed_lines_are_the_same_rows() {
    let text = dump(30_000);
    let plain = read_bytes("RC.ndjson", &text, &Options::default());
    let packed = read_bytes("RC.zst", &pack(&text), &Options::default());
    // Two frames in one file, as `cat a.zst b.zst` makes them.
    let half = text
        .iter()
        .take(text.len() / 2)
        .rposition(|b| *b == b'\n')
        .unwrap()
        + 1;
    let frames = [pack(&text[..half]), pack(&text[half..])].concat();
    let framed = read_bytes("RC.zst", &frames, &Options::default());
    let summary = plain.summary.unwrap();
    assert_eq!(summary.format, Format::Pushshift);
    assert_eq!(summary.counts.comments, 30_000);
    assert_eq!(summary.hash, Some(blake3::hash(&text).to_hex().to_string()));
    assert_eq!(plain.batch.comments, packed.batch.comments);
    assert_eq!(plain.batch.comments, framed.batch.comments);
    let p = plain.batch.progress;
    assert_eq!(
        (p.bytes, p.total, p.rows),
        (text.len() as u64, text.len() as u64, 30_000)
    );
}

#[test]
fn subreddit_filter_is_the_same_with_and_without_prefilter() {
    let mut text = dump(1000);
    text.extend(br#"{"id":"x1","body":"spaced","link_id":"p","subreddit" : "rust"}"#);
    text.extend(b"\n");
    text.extend(br#"{"id":"x2","body":"\"subreddit\":\"rust\"","link_id":"p","subreddit":"cpp"}"#);
    text.extend(b"\n");
    text.extend(br#"{"id":"x3","title":"t","crosspost_parent_list":[{"subreddit":"cpp"}],"subreddit":"rust"}"#);
    let filter = Filter {
        subreddits: vec!["RUST".into()],
        ..Filter::default()
    };
    let got = read_bytes(
        "f",
        &text,
        &Options {
            filter,
            ..Options::default()
        },
    );
    assert_eq!(got.batch.comments.len(), 335);
    assert_eq!(got.batch.posts.len(), 1);
    assert_eq!(got.batch.counts.dropped[Dropped::Subreddit as usize], 667);
}

#[test]
fn bad_lines_are_listed_by_number_and_good_ones_kept() {
    let text = [
        &dump(2)[..],
        b"\nnot json\n{\"id\":1}\n",
        &dump(1),
        b"{\"id\":\"c\",\"bo",
    ]
    .concat();
    let got = read_bytes("RC.ndjson", &text, &Options::default());
    assert_eq!(got.batch.comments.len(), 3);
    let lines: Vec<_> = got.batch.rejected.iter().map(|r| r.line).collect();
    assert_eq!(lines, [4, 5, 7]);
    assert_eq!(got.batch.rejected[0].excerpt, "not json");
    assert_eq!(got.summary.unwrap().counts.rejected, 3);
}

#[test]
fn a_truncated_file_gives_its_good_rows_and_an_error() {
    let packed = pack(&dump(200_000));
    let got = read_bytes("RC.zst", &packed[..packed.len() / 2], &Options::default());
    let error = got.summary.unwrap_err();
    let Error::Broken { rows, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*rows, got.batch.comments.len() as u64);
    assert!(*rows > 10_000 && *rows < 190_000, "{rows}");
    assert!(
        got.batch.rejected.is_empty(),
        "the cut line is not a bad line"
    );
    assert!(error.to_string().contains("are kept"), "{error}");
}

#[test]
fn rows_before_a_broken_end_are_kept_in_small_files_too() {
    let text = b"{\"id\":\"a\",\"body\":\"x\",\"link_id\":\"p\"}\n{\"id\":\"b\",\"body\":\"y\",\"link_id\":\"p\"}\n";
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    Write::write_all(&mut encoder, text).unwrap();
    let good = encoder.finish().unwrap();
    let mut checksum = good.clone();
    *checksum.last_mut().unwrap() ^= 1;
    let tail = [&good[..], b"and more"].concat();
    for (name, packed) in [("checksum", checksum), ("tail", tail)] {
        let got = read_bytes("RC.zst", &packed, &Options::default());
        assert_eq!(got.batch.comments.len(), 2, "{name}");
        let error = got.summary.unwrap_err().to_string();
        assert!(
            error.contains("after row 2") && error.contains("are kept"),
            "{name}: {error}"
        );
    }
    let cut = read_bytes("RC.zst", &good[..good.len() / 2], &Options::default());
    let error = cut.summary.unwrap_err().to_string();
    assert!(!error.contains("kept"), "nothing was read: {error}");
}

#[test]
fn unreadable_files_are_reported() {
    let all = Options::default();
    let fail = |name: &str, bytes: &[u8], options: &Options| {
        read_bytes(name, bytes, options)
            .summary
            .unwrap_err()
            .to_string()
    };
    assert!(fail("a", b"", &all).contains("empty"));
    assert!(fail("a", b"\n\n  \n", &all).contains("empty"));
    assert!(fail("a.zst_blocks", b"x", &all).contains("zst_blocks"));
    assert!(fail("a.gz", &[0x1F, 0x8B, 8, 0], &all).contains("gzip"));
    assert!(fail("a.bin", &[1, 0, 2, 0, 0, 9], &all).contains("binary"));
    assert!(fail("a.txt", b"just words\nand more", &all).contains("--map"));
    assert!(fail("a.json", b"[{\"id\":", &all).contains("not a complete JSON document"));
    let wrong = fail("a.csv", b"title,text\na,b\n", &all);
    assert!(
        wrong.contains("no column \"comment\", \"reply\"") && wrong.contains("\"title\", \"text\""),
        "{wrong}"
    );
    assert!(fail("a.parquet", b"PAR1 and no more", &all).contains("Parquet"));
}

const TABLE: &str = ",subreddit,comment,reply,reply_score\n0,aww,\"hello, you\",hi,3\n\
                     1,aww,a,b\n2,aww,\"two\nlines\",ok,x\n3,aww,é,ü,-1.0\n";

fn table_options() -> Options {
    let map = "comment=comment,reply=reply,score=reply_score,subreddit=subreddit";
    Options {
        mapping: Some(map.parse().unwrap()),
        ..Options::default()
    }
}

#[test]
fn a_table_is_read_as_pandas_writes_it() {
    let got = read_bytes("a.csv", TABLE.as_bytes(), &table_options());
    let bodies: Vec<_> = got.batch.comments.iter().map(|c| c.body.as_str()).collect();
    assert_eq!(bodies, ["hello, you", "hi", "é", "ü"]);
    let bad: Vec<_> = got
        .batch
        .rejected
        .iter()
        .map(|r| (r.line, r.reason.as_str()))
        .collect();
    assert_eq!(bad[0], (3, "has 4 cells where the header has 5"));
    assert_eq!(
        bad[1],
        (
            4,
            "the reply's score \"x\" in the column \"reply_score\" is not a number"
        )
    );
}

/// The same rows as JSON lines, as a JSON array and as CSV.
fn in_three_formats(header: &str, rows: &[Vec<Value>]) -> [(&'static str, String); 3] {
    let names: Vec<String> = header.split(',').map(str::to_owned).collect();
    let objects: Vec<String> = (rows.iter())
        .map(|row| {
            let fields = names.iter().cloned().zip(row.iter().cloned());
            Value::Object(fields.collect()).to_string()
        })
        .collect();
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        // a table has the name of an author only
        Value::Object(author) => author["name"].as_str().unwrap().to_owned(),
        number => number.to_string(),
    };
    let lines = rows.iter().map(|row| {
        let cells: Vec<String> = row.iter().map(cell).collect();
        format!("{}\n", cells.join(","))
    });
    [
        ("a.jsonl", objects.join("\n")),
        ("a.json", format!("[{}]", objects.join(","))),
        ("a.csv", format!("{header}\n{}", lines.collect::<String>())),
    ]
}

#[test]
fn same_rows_are_the_same_records_in_every_format() {
    let (one, two) = ("Is it hot?", "Very &amp; more");
    let (t, date) = (1_600_000_000, "2020-09-13T12:26:40Z");
    let ann = json!({"name": "ann"});
    for (header, rows) in [
        (
            "id,parent_id,link_id,author,body,score,created_utc",
            json!([
                ["c1", "t3_p1", "t3_p1", "ann", one, 3, t],
                ["c2", "t1_c1", "t3_p1", "ann", two, 4, t]
            ]),
        ),
        (
            "id,parent_id,link_id,author,body,score,created",
            json!([
                ["c1", "t3_p1", "t3_p1", "ann", one, 3, t],
                ["c2", "t1_c1", "t3_p1", "ann", two, 4, t]
            ]),
        ),
        (
            "id,parent_id,link_id,author,body,ups,created_at",
            json!([
                ["c1", "t3_p1", "t3_p1", "ann", one, 3, date],
                ["c2", "t1_c1", "t3_p1", "ann", two, "3.7", date]
            ]),
        ),
        (
            "id,parent_id,link_id,username,body,score,created_utc",
            json!([
                ["c1", "t3_p1", "t3_p1", "ann", one, 3.2, t],
                ["c2", "t1_c1", "t3_p1", "ann", two, 3.7, t]
            ]),
        ),
        (
            "id,parent_id,link_id,author,body,score,created_utc",
            json!([
                ["c1", "t3_p1", "t3_p1", ann, one, 3, t],
                ["c2", "t1_c1", "t3_p1", ann, two, "4 pts", t]
            ]),
        ),
        (
            "id,reply_to,root,speaker,text,score,timestamp",
            json!([
                ["c1", null, "c1", ann, one, 3, t],
                ["c2", "c1", "c1", ann, two, 4, t]
            ]),
        ),
        (
            "id,parent_id,author,body,score,created_utc",
            json!([
                ["c1", "t3_p1", "ann", one, 3, t],
                ["c2", "t1_c1", "ann", two, 4, t]
            ]),
        ),
        (
            "id,parent_id,post_id,author,body,score,created_utc",
            json!([
                ["c1", "t3_p1", "p1", "ann", one, 3, t],
                ["c2", "t1_c1", "p1", "ann", two, 4, t]
            ]),
        ),
        (
            "id,parent,link_id,author,body,score,created_utc",
            json!([
                ["c1", "t3_p1", "t3_p1", "ann", one, 3, t],
                ["c2", "t1_c1", "t3_p1", "ann", two, 4, t]
            ]),
        ),
        (
            "id,parent_id,link_id,author,body,score,created_utc",
            json!([
                [100, "t3_p1", "t3_p1", "ann", one, 3, t],
                [101, "t1_100", "t3_p1", "ann", two, 4, t]
            ]),
        ),
        (
            "id,parent_id,link_id,author,body,score,created_utc",
            json!([
                ["100", null, "t3_p1", "ann", one, 3, t],
                ["101", 100.0, "t3_p1", "ann", two, 4, t]
            ]),
        ),
        (
            "ID,Parent_ID,Link_ID,Author,Body,Score,Created_UTC",
            json!([
                ["c1", "t3_p1", "t3_p1", "ann", one, 3, t],
                ["c2", "t1_c1", "t3_p1", "ann", two, 4, t]
            ]),
        ),
        (
            "comment_id,parent,comment,author,score,created_utc",
            json!([
                ["c1", "t3_p1", one, "ann", 3, t],
                ["c2", "t1_c1", two, "ann", 4, t]
            ]),
        ),
        (
            "created,id,parent_id,link_id,author,body,score,created_utc",
            json!([
                [5, "c1", "t3_p1", "t3_p1", "ann", one, 3, t],
                [5, "c2", "t1_c1", "t3_p1", "ann", two, 4, t]
            ]),
        ),
        (
            "id,parent_id,link_id,author,body,score,created_utc,permalink",
            json!([
                [
                    "c1",
                    "t3_p1",
                    "t3_p1",
                    "ann",
                    one,
                    3,
                    t,
                    "/r/kettles/comments/p1/t/c1/"
                ],
                [
                    "c2",
                    "t1_c1",
                    "t3_p1",
                    "ann",
                    two,
                    4,
                    t,
                    "/r/kettles/comments/p1/t/c2/"
                ]
            ]),
        ),
    ] {
        let rows: Vec<Vec<Value>> = serde_json::from_value(rows).unwrap();
        let mut first: Option<Vec<Comment>> = None;
        for (name, text) in in_three_formats(header, &rows) {
            let case = format!("{name}: {text}");
            let got = read_bytes(name, text.as_bytes(), &Options::default());
            assert!(
                got.batch.rejected.is_empty(),
                "{case}: {:?}",
                got.batch.rejected
            );
            let [one, two] = &got.batch.comments[..] else {
                panic!("{case}: {:?}", got.batch.comments)
            };
            assert_eq!(
                (one.parent_id, two.parent_id),
                (None, Some(one.id)),
                "{case}"
            );
            assert_eq!((one.score, two.score), (Some(3), Some(4)), "{case}");
            for comment in [one, two] {
                assert_eq!(comment.author.as_deref(), Some("ann"), "{case}");
                assert_eq!(comment.created_utc, Some(t), "{case}");
                assert_eq!(comment.link_id, one.link_id, "{case}");
            }
            let filter = Filter {
                after_utc: Some(t + 1),
                ..Filter::default()
            };
            let options = Options {
                filter,
                ..Options::default()
            };
            let later = read_bytes(name, text.as_bytes(), &options).batch;
            assert_eq!(later.counts.dropped[Dropped::Date as usize], 2, "{case}");
            let first = first.get_or_insert_with(|| got.batch.comments.clone());
            assert_eq!(&got.batch.comments, first, "{case}");
        }
    }
}

#[test]
fn json_lines_are_read_as_comments_if_they_are_said_to_be() {
    let text = "{\"id\":\"a\",\"body\":\"x\",\"link_id\":\"p\"}\n{\"id\":\"b\",\"body\":\"y\"}\n";
    let read = |format| {
        let options = Options {
            format,
            ..Options::default()
        };
        let got = read_bytes("a.jsonl", text.as_bytes(), &options);
        (got.summary.unwrap().format, got.batch.comments.len())
    };
    assert_eq!(read(None), (Format::Pushshift, 1));
    assert_eq!(read(Some(Format::Comments)), (Format::Comments, 2));
}

#[test]
fn objects_that_lost_the_line_break_between_them_are_rows_each() {
    let dump = |id: &str| format!(r#"{{"id":"{id}","body":"x","link_id":"p","subreddit":"k"}}"#);
    let flat = |id: &str| format!(r#"{{"id":"{id}","text":"x","reply_to":null}}"#);
    let pair = |id: &str| format!(r#"{{"q":"{id}","r":"x"}}"#);
    let mapped = Options {
        mapping: Some("comment=q,reply=r".parse().unwrap()),
        ..Options::default()
    };
    let other = Options {
        filter: Filter {
            subreddits: vec!["other".into()],
            ..Filter::default()
        },
        ..Options::default()
    };
    let all = Options::default();
    let of: [(&dyn Fn(&str) -> String, &Options, u64); 4] = [
        (&dump, &all, 3),
        (&flat, &all, 3),
        (&pair, &mapped, 6),
        (&dump, &other, 0),
    ];
    for (row, options, comments) in of {
        let text = format!("{}{}\n{}\n", row("a"), row("b"), row("c"));
        let counts = read_bytes("a.jsonl", text.as_bytes(), options).batch.counts;
        assert_eq!(
            (counts.rows, counts.rejected, counts.comments),
            (3, 0, comments),
            "{text}"
        );
        // the rest of a line that breaks is one more row, unless the filter skips the line unread
        let text = format!("{}{}\n{}\n", row("a"), &row("b")[..9], row("c"));
        let counts = read_bytes("a.jsonl", text.as_bytes(), options).batch.counts;
        let broken = u64::from(comments > 0);
        assert_eq!(
            (counts.rows, counts.rejected, counts.comments),
            (2 + broken, broken, comments / 3 * 2),
            "{text}"
        );
    }
}

#[test]
fn null_of_a_database_is_no_text() {
    let text = "id\tparent_id\tauthor\tbody\tscore\nc1\t\\N\t\\N\tx\t\\N\nc2\tc1\tann\t\\N\t3\n";
    let got = read_bytes("a.tsv", text.as_bytes(), &Options::default()).batch;
    let [comment] = &got.comments[..] else {
        panic!("{:?}", got.comments)
    };
    assert_eq!(
        (comment.parent_id, &comment.author, comment.score),
        (None, &None, None)
    );
    assert_eq!(got.rejected[0].line, 3);
}

#[test]
fn zstd_frame_with_a_dictionary_or_a_larger_window_is_named() {
    // a header with the id of a dictionary, or a window of 4 GiB; then a raw block of six bytes
    let frame =
        |header: &[u8]| [&ZSTD_MAGIC[..], header, &[(6 << 3) | 1, 0, 0], b"{\"id\":"].concat();
    let good = pack(&dump(2));
    for (header, part) in [
        (&[1, 0, 7][..], "zstd -d -D DICTIONARY"),
        (&[0, 22 << 3], "window of more than 2 GiB"),
    ] {
        let got = read_bytes("RC.zst", &frame(header), &Options::default());
        let error = got.summary.unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("kept"), "{error}");
        let later = [good.clone(), frame(header)].concat();
        let got = read_bytes("RC.zst", &later, &Options::default());
        let error = got.summary.unwrap_err().to_string();
        assert!(
            error.contains(part) && error.contains("2 rows before are kept"),
            "{error}"
        );
        assert_eq!(got.batch.comments.len(), 2);
    }
}

#[test]
fn utf16_dump_with_two_marks_is_a_dump() {
    let line = r#"{"id":"c1","link_id":"t3_p","parent_id":"t3_p","body":"x","subreddit":"k"}"#;
    for marks in ["", "\u{FEFF}", "\u{FEFF}\u{FEFF}"] {
        let text = format!("{marks}{line}\n");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [wide, text.into_bytes()] {
            let read = read_bytes("RC", &bytes, &Options::default());
            assert_eq!(read.batch.comments.len(), 1, "{marks:?}");
        }
    }
}

#[test]
fn utf16_tables_are_decoded_with_and_without_a_mark() {
    let plain = read_bytes("a.csv", TABLE.as_bytes(), &table_options())
        .batch
        .comments;
    for (mark, little) in [(true, true), (true, false), (false, true), (false, false)] {
        let text = if mark {
            format!("\u{FEFF}{TABLE}")
        } else {
            TABLE.to_owned()
        };
        let bytes: Vec<u8> = text
            .encode_utf16()
            .flat_map(|u| {
                if little {
                    u.to_le_bytes()
                } else {
                    u.to_be_bytes()
                }
            })
            .collect();
        let got = read_bytes("a.csv", &bytes, &table_options());
        assert_eq!(got.batch.comments, plain, "mark {mark}, little {little}");
    }
    let marked = format!("\u{FEFF}{TABLE}").into_bytes();
    assert_eq!(
        read_bytes("a.csv", &marked, &table_options())
            .batch
            .comments,
        plain
    );
}

#[test]
fn row_with_invalid_utf8_is_rejected_alone() {
    let got = read_bytes(
        "a.csv",
        b"comment,reply\na,\xFF\nc,d\n",
        &Options {
            mapping: Some("comment=comment,reply=reply".parse().unwrap()),
            ..Options::default()
        },
    );
    assert_eq!(got.batch.comments.len(), 2);
    assert!(got.batch.rejected[0].reason.contains("UTF-8"));
}

#[test]
fn tables_put_together_and_doubled_columns_are_noticed() {
    let options = Options {
        mapping: Some("comment=comment,reply=reply".parse().unwrap()),
        ..Options::default()
    };
    let text = "comment,reply\na,b\n\u{FEFF}comment,reply\nc,d\n\u{FEFF}e,f\n";
    let got = read_bytes("a.csv", text.as_bytes(), &options);
    let bodies: Vec<&str> = got.batch.comments.iter().map(|c| c.body.as_str()).collect();
    assert_eq!(bodies, ["a", "b", "c", "d", "e", "f"]);
    let lines = "{\"id\":\"a\",\"body\":\"x\",\"link_id\":\"p\"}\n\u{FEFF}{\"id\":\"b\",\"body\":\"y\",\"link_id\":\"p\"}\n";
    assert_eq!(
        read_bytes("RC", lines.as_bytes(), &Options::default())
            .batch
            .comments
            .len(),
        2
    );
    let twice = read_bytes("a.csv", b"comment,reply,reply\na,b,c\n", &options);
    let error = twice.summary.unwrap_err().to_string();
    assert!(error.contains("2 columns named \"reply\""), "{error}");
    // one that is not mapped does no harm
    let other = read_bytes("a.csv", b"comment,reply,x,x\na,b,c,d\n", &options);
    assert_eq!(other.batch.comments.len(), 2);
}

#[test]
fn ordinary_table_keeps_what_looks_like_entities() {
    let options = Options {
        mapping: Some("comment=comment,reply=reply".parse().unwrap()),
        ..Options::default()
    };
    let got = read_bytes(
        "a.csv",
        b"comment,reply\nuse &lt;b&gt;,&amp;amp; then\n",
        &options,
    );
    let bodies: Vec<&str> = got.batch.comments.iter().map(|c| c.body.as_str()).collect();
    assert_eq!(bodies, ["use &lt;b&gt;", "&amp;amp; then"]);
}

#[test]
fn mapped_lines_are_rows_with_names() {
    let text = "{\"q\":\"a\",\"r\":\"b\",\"s\":5}\n{\"q\":\"c\"}\n{\"q\":\"d\",\"r\":\"e\"}\nx\n";
    let options = Options {
        mapping: Some("comment=q,reply=r,score=s".parse().unwrap()),
        ..Options::default()
    };
    let got = read_bytes("a.jsonl", text.as_bytes(), &options);
    assert_eq!(got.batch.comments.len(), 4);
    assert_eq!(got.batch.comments[1].score, Some(5));
    let lines: Vec<_> = got.batch.rejected.iter().map(|r| r.line).collect();
    assert_eq!(lines, [2, 4]);
}

#[test]
fn a_parquet_file_is_a_table() {
    use parquet::{
        data_type::{ByteArray, ByteArrayType, Int64Type},
        file::writer::SerializedFileWriter,
        schema::parser::parse_message_type,
    };
    let schema = "message m { required int64 n; optional binary q (UTF8); required binary r (UTF8); required int64 s; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let mut writer =
        SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|t| ByteArray::from(*t))
            .collect::<Vec<_>>()
    };
    for column in 0..4 {
        let mut writer = group.next_column().unwrap().unwrap();
        match column {
            1 => writer.typed::<ByteArrayType>().write_batch(
                &texts(&["a", "c"]),
                Some(&[1, 0, 1]),
                None,
            ),
            2 => writer
                .typed::<ByteArrayType>()
                .write_batch(&texts(&["x", "y", "z"]), None, None),
            _ => writer
                .typed::<Int64Type>()
                .write_batch(&[7, 8, 9], None, None),
        }
        .unwrap();
        writer.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let options = Options {
        mapping: Some("comment=q,reply=r,score=s".parse().unwrap()),
        ..Options::default()
    };
    let bytes = std::fs::read(&path).unwrap();
    let got = read_bytes("a.parquet", &bytes, &options);
    let rows: Vec<_> = got
        .batch
        .comments
        .iter()
        .map(|c| (c.body.as_str(), c.score))
        .collect();
    assert_eq!(
        rows,
        [("a", None), ("x", Some(7)), ("c", None), ("z", Some(9))]
    );
    assert_eq!(
        got.summary.unwrap().hash,
        Some(blake3::hash(&bytes).to_hex().to_string())
    );
}

#[test]
fn the_caller_can_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("RC.ndjson");
    std::fs::write(&path, dump(200_000)).unwrap();
    let mut batches = 0;
    let summary = read(&path, &Options::default(), |_| {
        batches += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!((batches, summary.hash), (1, None));
}

#[test]
fn a_line_longer_than_a_block_is_one_line() {
    let body = "x".repeat(3 * BLOCK);
    let mut text = dump(10);
    writeln!(text, r#"{{"id":"zz","body":"{body}","link_id":"p"}}"#).unwrap();
    text.extend(dump(10));
    let got = read_bytes(
        "a",
        &text,
        &Options {
            format: Some(Format::Pushshift),
            ..Options::default()
        },
    );
    assert_eq!(got.batch.comments.len(), 21);
    assert_eq!(got.batch.comments[10].body.len(), 3 * BLOCK);
}

#[test]
fn a_line_longer_than_any_comment_is_refused() {
    let text = "x".repeat(2 * LONGEST_ROW);
    let line = format!(r#"{{"id":"c1","link_id":"t3_p","body":"{text}"#);
    let packed = pack(line.as_bytes());
    let error = read_bytes("RC.zst", &packed, &Options::default()).summary;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("line 1 is longer than 16 MB"), "{error}");
}

#[test]
fn a_window_that_does_not_fit_is_refused_before_it_is_filled() {
    let head = pack(&dump(10));
    assert_eq!(window_of(&head), Some(1 << 31));
    let path = Path::new("RC.zst");
    let small = 1 << 20;
    assert!(
        check_window(path, &head, small, Some(1 << 30)).is_ok(),
        "a small file fills little"
    );
    assert!(check_window(path, &head, 50 << 30, Some(4 << 30)).is_ok());
    assert!(check_window(path, &head, 50 << 30, None).is_ok());
    let error = check_window(path, &head, 50 << 30, Some(1 << 30)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Memory {
                need_mb: 2112,
                have_mb: 1024,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn failing_reader_fails_the_import() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("RC.ndjson");
    std::fs::write(&path, dump(100_000)).unwrap();
    let filter = Filter::default();
    let mut taken = 0;
    let mut reading =
        |die: &dyn Fn(Reading<'_, &mut dyn FnMut(Batch) -> ControlFlow<()>>, Input)| {
            taken = 0;
            let input = Input::open(&path).unwrap();
            let meter = input.meter.clone();
            let mut take = |batch: Batch| {
                taken += batch.counts.rows;
                ControlFlow::Continue(())
            };
            die(
                Reading {
                    path: &path,
                    filter: &filter,
                    meter: &meter,
                    packed: false,
                    ids: None,
                    format: Format::Pushshift,
                    take: &mut take,
                },
                input,
            );
            taken
        };
    let rows = reading(&|reading, input| {
        let mut n = 0;
        let error = reading
            .lines(input.reader, move |_, _, _| {
                n += 1;
                assert!(n < 60_000, "a fault of ours");
            })
            .unwrap_err();
        let Error::Died { rows, what, .. } = &error else {
            panic!("{error}")
        };
        assert!(*rows > 0 && what.contains("a fault of ours"), "{error}");
    });
    assert!(
        rows > 0 && rows < 60_000,
        "what was read before is kept: {rows}"
    );
    let rows = reading(&|reading, _| {
        let error = reading
            .gathered(|batches| {
                for n in 0..5000 {
                    batches.row(Row::Dropped(Dropped::Empty), n, b"");
                }
                panic!("a fault of ours");
            })
            .unwrap_err();
        assert!(matches!(error, Error::Died { rows: 4096, .. }), "{error}");
    });
    assert_eq!(rows, 4096);
}

#[test]
fn impossible_date_rejects_one_row() {
    use parquet::{
        data_type::{ByteArray, ByteArrayType, Int64Type},
        file::writer::SerializedFileWriter,
        schema::parser::parse_message_type,
    };
    let schema = "message m { required binary q; required binary r (UTF8); \
                  required int64 t (TIMESTAMP_MILLIS); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let rows = 20_000;
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts: Vec<ByteArray> = (0..rows)
        .map(|n| ByteArray::from(format!("text {n}").as_str()))
        .collect();
    let mut times = vec![1_554_076_800_000_i64; rows];
    times[rows - 5] = 1 << 62;
    for column in 0..3 {
        let mut writer = group.next_column().unwrap().unwrap();
        match column {
            2 => writer.typed::<Int64Type>().write_batch(&times, None, None),
            _ => writer
                .typed::<ByteArrayType>()
                .write_batch(&texts, None, None),
        }
        .unwrap();
        writer.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let options = Options {
        mapping: Some("comment=q,reply=r,created=t".parse().unwrap()),
        ..Options::default()
    };
    let got = read_bytes("a.parquet", &bytes, &options);
    assert_eq!(got.batch.comments.len(), 2 * (rows - 1));
    assert_eq!(got.batch.comments[1].created_utc, Some(1_554_076_800));
    assert_eq!(got.batch.rejected[0].line, rows as u64 - 4);
    assert!(got.batch.rejected[0].reason.contains("4611686018427387"));
    assert!(got.summary.unwrap().hash.is_some());
}

#[test]
fn a_parquet_file_with_fewer_rows_than_it_says_is_not_whole() {
    use parquet::{
        data_type::{ByteArray, ByteArrayType},
        file::writer::SerializedFileWriter,
        schema::parser::parse_message_type,
    };
    let schema = "message m { required binary q (UTF8); required binary r (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts: Vec<ByteArray> = (0..37)
        .map(|n| ByteArray::from(format!("text {n}").as_str()))
        .collect();
    while let Some(mut column) = group.next_column().unwrap() {
        let column_writer = column.typed::<ByteArrayType>();
        column_writer.write_batch(&texts, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let options = Options {
        mapping: Some("comment=q,reply=r".parse().unwrap()),
        ..Options::default()
    };
    let got = read_bytes("a.parquet", &bytes, &options);
    assert!(got.summary.unwrap().hash.is_some());
    // the footer's own count of rows, before those of its groups: a field of type i64 with 37 in zigzag
    let size = bytes[bytes.len() - 8..].first_chunk().unwrap();
    let footer = bytes.len() - 8 - u32::from_le_bytes(*size) as usize;
    let count = footer + memmem::find(&bytes[footer..], &[0x16, 2 * 37]).unwrap();
    bytes[count + 1] = 2 * 38;
    let got = read_bytes("a.parquet", &bytes, &options);
    let error = got.summary.unwrap_err().to_string();
    assert!(error.contains("38 rows, and 37 could be read"), "{error}");
    assert_eq!(got.batch.comments.len(), 2 * 37, "they are kept");
}

#[test]
fn missing_column_is_an_error_in_every_format() {
    let map = "comment=comment,reply=reply,score=scroe";
    let options = Options {
        mapping: Some(map.parse().unwrap()),
        ..Options::default()
    };
    let object = r#"{"comment":"a","reply":"b","score":3}"#;
    for (name, text) in [
        ("a.csv", "comment,reply,score\na,b,3\n".to_owned()),
        ("a.jsonl", format!("{object}\n{object}\n")),
        ("a.json", format!("[{object},{object}]")),
    ] {
        let error = read_bytes(name, text.as_bytes(), &options)
            .summary
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("\"scroe\"") && error.contains("did you mean \"score\"?"),
            "{name}: {error}"
        );
    }
    // a column that appears late is found
    let late = format!(
        "{}{}\n",
        "{\"comment\":\"a\",\"reply\":\"b\"}\n".repeat(20_000),
        object
    );
    let map = "comment=comment,reply=reply,score=score";
    let options = Options {
        mapping: Some(map.parse().unwrap()),
        ..Options::default()
    };
    let got = read_bytes("a.jsonl", late.as_bytes(), &options);
    assert_eq!(got.batch.comments.len(), 40_002);
    got.summary.unwrap();
}

#[test]
fn a_mapped_document_of_other_things_ends_soon() {
    let text = format!("[{}0]", "0,".repeat(50_000));
    let got = read_bytes("a.json", text.as_bytes(), &table_options());
    let error = got.summary.unwrap_err().to_string();
    assert!(error.contains("an array of numbers"), "{error}");
    assert_eq!(got.batch.counts.rows, listing::HOPELESS);
}

#[test]
fn a_long_line_of_short_comments_comes_in_batches() {
    let comments = r#"{"id":"a","body":"x"},"#.repeat(100_000);
    let line =
        format!(r#"{{"id":"p","title":"t","comments":[{comments}{{"id":"b","body":"y"}}]}}"#);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("threads.jsonl");
    // two short ones tell what the lines are
    let short = r#"{"id":"p","title":"t","comments":[]}"#;
    std::fs::write(&path, format!("{short}\n{short}\n{line}\n{line}\n")).unwrap();
    let (mut all, mut largest) = (0, 0);
    let summary = read(&path, &Options::default(), |batch| {
        largest = largest.max(batch.records.len());
        all += batch.records.len();
        ControlFlow::Continue(())
    });
    assert_eq!(summary.unwrap().counts.rows, 200_006);
    assert_eq!(all, 200_006);
    assert!(largest <= MOST_RECORDS, "{largest}");
}

/// A stream that fails after some bytes.
struct Dying(&'static [u8]);

impl Read for Dying {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => panic!("the stream is broken"),
            n => Ok(n),
        }
    }
}

#[test]
fn panic_in_any_reader_thread_fails_the_import() {
    const LINE: &[u8] = b"{\"id\":\"c1\",\"link_id\":\"t3_p\",\"body\":\"x\"}\n";
    let filter = Filter::default();
    let meter = Meter {
        bytes: Arc::default(),
        total: None,
        hasher: Arc::default(),
    };
    let reading = || Reading {
        path: Path::new("dying"),
        filter: &filter,
        meter: &meter,
        packed: false,
        ids: None,
        format: Format::Pushshift,
        take: |_| ControlFlow::Continue(()),
    };
    let died = |outcome: Outcome, why: &str| match outcome {
        Err(Error::Died { what, .. }) => assert!(what.contains(why), "{what}"),
        other => panic!("{:?}", other),
    };
    died(
        reading().lines(Box::new(Dying(LINE)), |_, _, _| {}),
        "stream",
    );
    died(
        reading().lines(Box::new(LINE), |_, _, _| panic!("a bad row")),
        "bad row",
    );
    died(reading().document(Box::new(Dying(LINE))), "stream");
    let mapping: Mapping = "comment=a,reply=b".parse().unwrap();
    died(
        reading().mapped_document(
            Box::new(Dying(b"[{\"a\":\"x\",\"b\":\"y\"},")),
            &mapping,
            false,
        ),
        "stream",
    );
    let table = shape::table_of(b"a,b\n1,2\n", mapping);
    let text = Cursor::new(b"a,b\n1,2\n".repeat(40_000)).chain(Dying(b""));
    died(reading().csv(Box::new(text), &table), "stream");
}
