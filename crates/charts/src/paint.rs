//! Colors of both themes, and the CSS classes for them.
//!
//! Every element of a chart has its light color as an attribute, so that the file is self-contained, and a class
//! (`stroke-2`, `fill-ink`) by which a style sheet recolors it: CSS overrides attributes. The six series colors can be
//! distinguished with the common kinds of color blindness (after Okabe and Ito, "Color Universal Design", 2008; yellow,
//! orange and sky blue, too pale for lines on white, are replaced) and have a contrast of at least 3:1 to their
//! background; from the seventh on they repeat, dashed.

/// The role of an element, which decides its color in either theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Paper,
    Ink,
    /// Labels, axes and background lines.
    Muted,
    Grid,
    /// Series n, from 0; repeats above 5.
    Series(usize),
    /// The shade of a matrix cell.
    Heat,
}

/// Number of distinct series colors.
pub const SERIES: usize = 6;

/// (class, light, dark) of every paint, in the order of [`Paint::row`].
const TABLE: [(&str, u32, u32); 5 + SERIES] = [
    ("paper", 0xFFFFFF, 0x14171C),
    ("ink", 0x1B1F27, 0xECEFF4),
    ("muted", 0x59616E, 0xA3ADBA),
    ("grid", 0xE3E7EC, 0x2C323B),
    ("1", 0x0072B2, 0x56B4E9),
    ("2", 0xD55E00, 0xF58231),
    ("3", 0x008F68, 0x2CC79B),
    ("4", 0xB8508F, 0xE28CC0),
    ("5", 0x8A6A00, 0xE3BD3C),
    ("6", 0x5B5BD6, 0xA3A3FF),
    ("heat", 0x00568A, 0x56B4E9),
];

impl Paint {
    fn row(self) -> (&'static str, u32, u32) {
        TABLE[match self {
            Paint::Paper => 0,
            Paint::Ink => 1,
            Paint::Muted => 2,
            Paint::Grid => 3,
            Paint::Series(n) => 4 + n % SERIES,
            Paint::Heat => 4 + SERIES,
        }]
    }

    /// The CSS class without prefix: `fill-{name}`, `stroke-{name}`.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Red, green and blue of the light theme.
    pub(crate) fn light(self) -> (u8, u8, u8) {
        let rgb = self.row().1;
        ((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
    }
}

/// The rules that recolor a chart: `value(light, dark)` writes the CSS color.
fn rules(selector: &str, value: impl Fn(u32, u32) -> String) -> String {
    let mut css = String::new();
    for (class, light, dark) in TABLE {
        for kind in ["fill", "stroke"] {
            let color = value(light, dark);
            css.push_str(&format!(
                "{selector}.{kind}-{class} {{ {kind}: {color}; }}\n"
            ));
        }
    }
    css
}

/// Style sheet for a page that shows charts inline: follows the page's `color-scheme`, and every color can be
/// overridden by a variable (`--chart-ink`, `--chart-1`, ...).
pub fn page_css() -> String {
    let mut css = String::from(".repartee-chart { color-scheme: inherit; }\n");
    for (class, light, dark) in TABLE {
        for kind in ["fill", "stroke"] {
            css.push_str(&format!(
                ".repartee-chart .{kind}-{class} {{ {kind}: var(--chart-{class}, light-dark(#{light:06X}, #{dark:06X})); }}\n"
            ));
        }
    }
    css
}

/// Style sheet of the dark theme alone, for drawing a dark PNG.
pub(crate) fn dark_css() -> String {
    rules("", |_, dark| format!("#{dark:06X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two colors by WCAG 2.2, 1 to 21.
    fn contrast(a: u32, b: u32) -> f64 {
        let luminance = |rgb: u32| {
            let channel = |shift: u32| {
                let c = f64::from(rgb >> shift & 255) / 255.0;
                if c <= 0.04045 {
                    c / 12.92
                } else {
                    ((c + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        (a / b).max(b / a)
    }

    #[test]
    fn text_and_lines_have_contrast_in_both_themes() {
        let (_, paper, night) = TABLE[0];
        for (class, light, dark) in TABLE {
            let least = match class {
                "paper" | "grid" => 1.0,
                "ink" | "muted" => 4.5,
                _ => 3.0,
            };
            let (by_day, by_night) = (contrast(light, paper), contrast(dark, night));
            assert!(
                by_day >= least && by_night >= least,
                "{class}: {by_day:.2}, {by_night:.2}"
            );
        }
    }
}
