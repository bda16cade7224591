//! Which colours and letters do charts have, on white and on black?
//!
//! Charts are drawn in the colours for a light page. A style sheet, in the file or in the page around it, turns each into
//! its counterpart where the reader prefers dark ones.

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontFamily, IntoFont, RGBColor, TextStyle};

/// Behind everything.
pub const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xfe);
/// What is to be read.
pub const INK: RGBColor = RGBColor(0x1f, 0x23, 0x29);
/// What is to be read second.
pub const SOFT: RGBColor = RGBColor(0x65, 0x6d, 0x77);
/// What guides the eye.
pub const GUIDE: RGBColor = RGBColor(0xe3, 0xe6, 0xea);
/// A peer's marks.
pub const PEER: RGBColor = RGBColor(0x7b, 0x84, 0x8f);
/// Our marks.
pub const OURS: RGBColor = RGBColor(0x0b, 0x62, 0xd6);
/// A limit's marks.
pub const LIMIT: RGBColor = RGBColor(0xb4, 0x61, 0x06);

/// Each colour on light, and its counterpart on dark.
const PAIRS: [(RGBColor, &str); 7] = [
    (PAPER, "#14181f"),
    (INK, "#e8ebef"),
    (SOFT, "#9aa4b0"),
    (GUIDE, "#2b323c"),
    (PEER, "#8a94a1"),
    (OURS, "#62a8ff"),
    (LIMIT, "#eea144"),
];

/// The style sheet of a chart.
pub fn style_sheet() -> String {
    let rules: String = PAIRS
        .iter()
        .map(|(RGBColor(r, g, b), dark)| {
            let light = format!("#{r:02X}{g:02X}{b:02X}");
            format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
        })
        .collect();
    format!(
        "svg text{{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-variant-numeric:tabular-nums}}\
         @media(prefers-color-scheme:dark){{{rules}}}"
    )
}

/// A chart that is a file of its own, with its style sheet.
pub fn alone(chart: &str) -> String {
    chart.replacen('>', &format!(">\n<style>{}</style>", style_sheet()), 1)
}

/// Letters of so many pixels.
pub fn text(pixels: f64, colour: RGBColor, across: HPos) -> TextStyle<'static> {
    // The backend divides by this, for what a font's size means elsewhere.
    const SIZE: f64 = 1.24;
    let text = (FontFamily::SansSerif, pixels * SIZE).into_font().color(&colour);
    text.pos(Pos::new(across, VPos::Center))
}
