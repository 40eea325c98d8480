//! Scales from numbers to pixels, ticks and labels.

/// A linear axis from data to pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub from: f64,
    pub to: f64,
    pub start: f64,
    pub end: f64,
}

impl Scale {
    pub(crate) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.from) / (self.to - self.from) * (self.end - self.start)
    }
}

/// Distance between ticks: 1, 2 or 5 times a power of ten, about `wanted` of them over `span` (Heckbert 1990, "Nice
/// numbers for graph labels").
fn step(span: f64, wanted: usize) -> f64 {
    let raw = span / wanted.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let nice = match raw / power {
        r if r < 1.5 => 1.0,
        r if r < 3.0 => 2.0,
        r if r < 7.0 => 5.0,
        _ => 10.0,
    };
    nice * power
}

/// Round values within `from..=to`.
pub(crate) fn ticks(from: f64, to: f64, wanted: usize) -> Vec<f64> {
    let step = step(to - from, wanted);
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// `low..high` widened to round values; an empty range becomes one with a width.
pub(crate) fn round_out(low: f64, high: f64, wanted: usize) -> (f64, f64) {
    let (low, high) = if high > low {
        (low, high)
    } else {
        (
            low - low.abs().max(1.0) * 0.5,
            high + high.abs().max(1.0) * 0.5,
        )
    };
    let step = step(high - low, wanted);
    (
        (low / step + 1e-9).floor() * step,
        (high / step - 1e-9).ceil() * step,
    )
}

/// Formats tick labels consistently: as many decimals as the finest needs, thousands grouped by a comma.
pub(crate) fn labels(ticks: &[f64]) -> Vec<String> {
    let gap = ticks
        .windows(2)
        .map(|w| w[1] - w[0])
        .fold(f64::INFINITY, f64::min);
    let places = if gap.is_finite() {
        (-gap.log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize
    } else {
        2
    };
    ticks.iter().map(|&t| number(t, places)).collect()
}

/// A number with `places` decimals and commas between thousands; the minus sign is U+2212.
pub(crate) fn number(value: f64, places: usize) -> String {
    let plain = format!("{:.places$}", value.abs());
    let (whole, rest) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = plain.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if value < 0.0 && !zero { "\u{2212}" } else { "" };
    if rest.is_empty() {
        format!("{sign}{grouped}")
    } else {
        format!("{sign}{grouped}.{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(
            labels(&ticks(0.0, 1.0, 5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            labels(&ticks(0.0, 12_000.0, 6)),
            ["0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000"]
        );
        assert_eq!(
            labels(&ticks(2.31, 2.36, 4)),
            ["2.31", "2.32", "2.33", "2.34", "2.35", "2.36"]
        );
        assert_eq!(
            labels(&ticks(-1.0, 1.0, 4)),
            ["\u{2212}1.0", "\u{2212}0.5", "0.0", "0.5", "1.0"]
        );
    }

    #[test]
    fn single_value_still_gets_an_axis() {
        assert_eq!(round_out(3.0, 3.0, 4), (1.0, 5.0));
        let (low, high) = round_out(0.0, 0.0, 4);
        assert!(low < 0.0 && high > 0.0);
    }
}
