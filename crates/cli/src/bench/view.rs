//! How measurements are printed.

use anyhow::Result;
use repartee_engine::bench::Measured;
use repartee_engine::bench_import::ImportMeasured;
use repartee_engine::bench_limits::Limits;
use repartee_engine::bench_pipeline::PipelineMeasured;

use crate::out::{Out, Table, bytes, count, figure};

pub fn model(out: Out, measured: &Measured) -> Result<()> {
    let mut table = Table::new(["", ""]);
    match (measured.tokens_per_s, measured.pairs_per_s) {
        (Some(rate), _) => table.row(["tokens/s".to_owned(), figure(Some(rate), 1)]),
        (_, Some(rate)) => table.row(["pairs/s".to_owned(), figure(Some(rate), 1)]),
        _ => {}
    }
    let mean = measured.seconds.iter().sum::<f64>() / measured.seconds.len() as f64;
    table.row(["seconds per step".to_owned(), figure(Some(mean), 3)]);
    table.row(["peak memory".to_owned(), memory(measured.peak_rss_gb)]);
    table.row(["parameters".to_owned(), count(measured.parameters as u64)]);
    table.row(["threads".to_owned(), measured.threads.to_string()]);
    table.row(["device".to_owned(), measured.ran_on.clone()]);
    table.print(out)
}

pub fn pipeline(out: Out, measured: &PipelineMeasured) -> Result<()> {
    let mut table = Table::new(["", ""]);
    let mut seconds = |what: &str, s: f64| table.row([what.to_owned(), format!("{s:.3} s")]);
    seconds("one comment", measured.median_s);
    seconds("candidates", measured.generate_s);
    seconds("scores of both classifiers", measured.score_s);
    let mut milliseconds =
        |what: &str, ms: f64| table.row([what.to_owned(), format!("{ms:.2} ms")]);
    milliseconds("pick", measured.pick_ms);
    milliseconds("first token", measured.first_token_ms);
    table.row(["peak memory".to_owned(), memory(measured.peak_rss_gb)]);
    table.row(["parameters".to_owned(), count(measured.parameters as u64)]);
    table.row(["threads".to_owned(), measured.threads.to_string()]);
    table.row(["device".to_owned(), measured.ran_on.clone()]);
    table.print(out)
}

pub fn limits(out: Out, measured: &Limits) -> Result<()> {
    let mut table = Table::new(["", ""]);
    let read = format!("{:.1} GB/s", measured.read_gb_per_s);
    table.row(["memory read".to_owned(), read]);
    let products = format!("{:.0} GFLOP/s", measured.f32_gflop_per_s);
    table.row(["f32 products".to_owned(), products]);
    table.row(["threads".to_owned(), measured.threads.to_string()]);
    table.print(out)
}

pub fn import(out: Out, measured: &ImportMeasured) -> Result<()> {
    let mut table = Table::new(["step", "time", "speed"]);
    let mut row = |what: &str, s: f64, speed: String| {
        table.row([what.to_owned(), format!("{s:.2} s"), speed]);
    };
    if let Some(alone) = measured.zstd_s {
        row("zstd -dc alone", alone, String::new());
    }
    let of_zstd = measured
        .filter_of_zstd
        .map(|share| format!("{share:.2} times the speed of zstd -dc"));
    let names = measured.bench.subreddits.join(", ");
    row(
        &format!("filter {names}"),
        measured.filter_s,
        of_zstd.unwrap_or_default(),
    );
    let rows = count(measured.load_rows_per_s as u64);
    row("load every row", measured.load_s, format!("{rows} rows/s"));
    row(
        &format!("join into {} pairs", count(measured.pairs)),
        measured.join_s,
        format!("{:.2} s per million comments", measured.join_s_per_million),
    );
    row("index words for search", measured.words_s, String::new());
    table.print(out)?;
    out.line(format!("Peak memory: {}", memory(measured.peak_rss_gb)))
}

/// Memory that was measured in 10^9 bytes, in the units of all other output.
fn memory(gb: Option<f64>) -> String {
    gb.map_or_else(|| "-".to_owned(), |gb| bytes((gb * 1e9) as u64))
}
