//! Event files of TensorBoard are read back by a small decoder of their own: every recorded metric is there, at its step,
//! with valid checksums.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_tests::sample::{done, project};

/// CRC-32C, bit by bit.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = match crc & 1 {
                1 => (crc >> 1) ^ 0x82f6_3b78,
                _ => crc >> 1,
            };
        }
    }
    !crc
}

fn masked(data: &[u8]) -> u32 {
    let crc = crc32c(data);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Takes `n` bytes off the front.
fn take<'a>(rest: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(n);
    *rest = left;
    taken
}

/// The data of each record, after its checksums were checked.
fn records(mut rest: &[u8]) -> Vec<&[u8]> {
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = take(&mut rest, 8);
        assert_eq!(number(take(&mut rest, 4)), masked(length));
        let n = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        let data = take(&mut rest, n);
        assert_eq!(number(take(&mut rest, 4)), masked(data));
        found.push(data);
    }
    found
}

/// A field of a message of protocol buffers: a number in its bits, or bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(rest: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = take(rest, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

fn fields(mut rest: &[u8]) -> BTreeMap<u64, Vec<Value<'_>>> {
    let mut found: BTreeMap<u64, Vec<Value<'_>>> = BTreeMap::new();
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let value = match key & 7 {
            0 => Value::Number(varint(&mut rest)),
            1 => Value::Number(u64::from_le_bytes(take(&mut rest, 8).try_into().unwrap())),
            2 => {
                let n = varint(&mut rest) as usize;
                Value::Bytes(take(&mut rest, n))
            }
            5 => {
                let bits = take(&mut rest, 4).try_into().unwrap();
                Value::Number(u64::from(u32::from_le_bytes(bits)))
            }
            other => panic!("wire type {other}"),
        };
        found.entry(key >> 3).or_default().push(value);
    }
    found
}

fn number(fields: &BTreeMap<u64, Vec<Value<'_>>>, field: u64) -> u64 {
    match fields.get(&field).map(|all| all[0]) {
        None => 0,
        Some(Value::Number(number)) => number,
        Some(bytes) => panic!("{bytes:?}"),
    }
}

fn message<'a>(fields: &BTreeMap<u64, Vec<Value<'a>>>, field: u64) -> &'a [u8] {
    match fields[&field][0] {
        Value::Bytes(bytes) => bytes,
        number => panic!("{number:?}"),
    }
}

/// What an event file says.
#[derive(Default)]
struct Board {
    /// By tag: wall time in seconds, step, value.
    scalars: BTreeMap<String, Vec<(f64, u64, f32)>>,
    texts: BTreeMap<String, String>,
}

fn read(file: &[u8]) -> Board {
    let mut board = Board::default();
    for (n, record) in records(file).into_iter().enumerate() {
        let event = fields(record);
        let (time, step) = (f64::from_bits(number(&event, 1)), number(&event, 2));
        if n == 0 {
            assert_eq!(message(&event, 3), b"brain.Event:2");
            continue;
        }
        for value in &fields(message(&event, 5))[&1] {
            let Value::Bytes(value) = value else {
                panic!("{value:?}")
            };
            let value = fields(value);
            let tag = String::from_utf8(message(&value, 1).to_vec()).unwrap();
            if value.contains_key(&2) {
                let scalar = f32::from_bits(number(&value, 2) as u32);
                let all = board.scalars.entry(tag).or_default();
                all.push((time, step, scalar));
                continue;
            }
            let plugin = fields(message(&fields(message(&value, 9)), 1));
            assert_eq!(message(&plugin, 1), b"text");
            let tensor = fields(message(&value, 8));
            assert_eq!(number(&tensor, 1), 7, "a string");
            let text = String::from_utf8(message(&tensor, 8).to_vec()).unwrap();
            board.texts.insert(tag, text);
        }
    }
    board
}

#[test]
fn decoder_of_this_test_checks_what_is_published() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
}

#[test]
fn event_files_have_every_recorded_metric_and_the_settings() {
    let (place, engine) = project(40);
    for name in ["first", "second"] {
        let config = RunConfig {
            name: name.to_owned(),
            base: "small-gpt2".to_owned(),
            steps: 4,
            batch_size: 4,
            max_tokens: 48,
            validate_every: 2,
            validate_limit: 8,
            samples: 0,
            device: "cpu".to_owned(),
            ..RunConfig::of(ModelKind::Generator)
        };
        done(&engine, &Train::new(&config).unwrap());
    }
    let args = [
        "export",
        "tensorboard",
        "first",
        "second",
        "first",
        "-o",
        "board",
    ];
    let ran = place.ok(args);
    assert!(ran.out.contains("tensorboard --logdir board"), "{ran}");
    let folders: Vec<_> = std::fs::read_dir(place.path("board")).unwrap().collect();
    assert_eq!(folders.len(), 2, "one for each run");
    for name in ["first", "second"] {
        let mut files = std::fs::read_dir(place.path("board").join(name)).unwrap();
        let file = files.next().unwrap().unwrap();
        assert!(files.next().is_none());
        let file_name = file.file_name().into_string().unwrap();
        assert!(file_name.starts_with("events.out.tfevents."), "{file_name}");
        let board = read(&std::fs::read(file.path()).unwrap());
        let mut expected = BTreeMap::new();
        for (metric, tag) in [
            ("loss", "loss/train"),
            ("val_loss", "loss/validation"),
            ("lr", "training/learning_rate"),
            ("grad_norm", "training/gradient_norm"),
            ("tokens_per_s", "training/tokens_per_second"),
        ] {
            let points = engine.run_figure(name, metric).unwrap();
            assert!(!points.is_empty(), "{metric}");
            let points = points.into_iter();
            let points: Vec<(u64, f32)> =
                points.map(|(step, x)| (step, x.unwrap() as f32)).collect();
            expected.insert(tag.to_owned(), points);
        }
        let mut found = BTreeMap::new();
        for (tag, points) in &board.scalars {
            let steps = points.iter().map(|(_, step, value)| (*step, *value));
            found.insert(tag.clone(), steps.collect::<Vec<_>>());
            // within the run, and never going back
            let begun = engine.run_show(name).unwrap().created_ms as f64 / 1000.0;
            let times: Vec<f64> = points.iter().map(|(time, ..)| *time).collect();
            assert!(times.is_sorted() && times[0] >= begun, "{tag}: {times:?}");
            assert!(
                times.iter().all(|time| *time < begun + 3600.0),
                "{tag}: {times:?}"
            );
        }
        assert_eq!(found, expected);
        let settings = &board.texts["settings"];
        for part in [
            "batch_size = 4",
            "split = \"main\"",
            "threads = ",
            "version = ",
        ] {
            assert!(settings.contains(part), "{part}: {settings}");
        }
    }
    let again = place.run(args);
    assert_eq!(again.status, Some(2), "{again}");
    assert!(again.err.contains("already exists"), "{again}");
    let unknown = place.run(["export", "tensorboard", "third", "-o", "other"]);
    assert!(unknown.err.contains("third"), "{unknown}");
    assert!(!place.path("other").exists(), "nothing was written");
}
