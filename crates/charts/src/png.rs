//! Charts as PNG. The font is embedded, so that they look the same on every machine: a Latin subset of Inter under the
//! name Repartee Sans (fonts/, SIL Open Font License 1.1).

use crate::{Error, Picture, paint};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;
use std::sync::{Arc, LazyLock};

static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../fonts/ReparteeSans-Regular.otf").to_vec());
    fonts.load_font_data(include_bytes!("../fonts/ReparteeSans-SemiBold.otf").to_vec());
    fonts.set_sans_serif_family("Repartee Sans");
    Arc::new(fonts)
});

/// Colors of a PNG; an SVG takes those of its page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white, for print.
    #[default]
    Light,
    /// Light on near black.
    Dark,
}

impl Picture {
    /// The chart as PNG with `scale` dots per pixel (2 for a sharp screen, 3 for print).
    ///
    /// # Errors
    /// [`Error::Png`] if the image would be empty or larger than memory allows.
    pub fn png(&self, scale: f64, theme: Theme) -> Result<Vec<u8>, Error> {
        let refused = |e: String| Error::Png(e);
        let tree = self.tree(theme)?;
        let (width, height) = ((self.width * scale).round(), (self.height * scale).round());
        // 16,384 pixels per side take 1 GiB: more than any page, less than any machine has.
        if !(1.0..=16_384.0).contains(&width) || !(1.0..=16_384.0).contains(&height) {
            return Err(refused(format!(
                "{width} x {height} dots; choose a scale that gives 1 to 16384 a side"
            )));
        }
        let mut pixels = Pixmap::new(width as u32, height as u32)
            .ok_or_else(|| refused(format!("no memory for {width} x {height} dots")))?;
        // The tree has the size in pixels already: usvg applies the view box.
        resvg::render(
            &tree,
            Transform::from_scale(scale as f32, scale as f32),
            &mut pixels.as_mut(),
        );
        pixels.encode_png().map_err(|e| refused(e.to_string()))
    }

    /// The SVG laid out with the embedded font.
    pub(crate) fn tree(&self, theme: Theme) -> Result<usvg::Tree, Error> {
        let options = usvg::Options {
            fontdb: FONTS.clone(),
            font_family: "Repartee Sans".to_owned(),
            style_sheet: (theme == Theme::Dark).then(paint::dark_css),
            ..usvg::Options::default()
        };
        usvg::Tree::from_str(&self.svg, &options).map_err(|e| Error::Png(e.to_string()))
    }
}
