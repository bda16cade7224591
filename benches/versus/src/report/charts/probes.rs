//! What did the machine do meanwhile?

use std::error::Error;

use plotters::coord::types::RangedCoordi32;
use plotters::prelude::{Cartesian2d, IntoDrawingArea, IntoLogRange, LogCoord, PathElement, SVGBackend, Text};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use crate::machine::same_regime;
use crate::record::Record;

use super::grid::{NARROW, WIDE};
use super::scale::{Unit, span, ticks};
use super::theme::{GUIDE, LIMIT, PAPER, PEER, SOFT, text};

const LEFT: i32 = 60;
const MARGIN: i32 = 12;
const HEIGHT: i32 = 150;

/// The bare ping-pongs before and after each run, in the order in which they were made.
#[derive(Debug)]
pub struct Probes {
    /// Each run's; none has none.
    runs: Vec<Vec<f64>>,
}

impl Probes {
    /// All of them.
    pub fn of(record: &Record) -> Probes {
        let rounds = record.answers.iter().flat_map(|answer| &answer.rounds);
        let runs = rounds.flat_map(|round| &round.runs).map(|run| run.probes.clone());
        Probes {
            runs: runs.filter(|probes| !probes.is_empty()).collect(),
        }
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// In words.
    pub fn words(&self) -> String {
        if self.is_empty() {
            return "Nobody knows: the workers were not pinned to two processors, so there was no probe.".to_owned();
        }
        let (low, high) = extremes(&self.runs);
        let all: Vec<f64> = self.runs.iter().flatten().copied().collect();
        let moves = all.windows(2).filter(|pair| !same_regime(pair)).count();
        let during = self.runs.iter().filter(|probes| !same_regime(probes)).count();
        format!(
            "A bare atomic round trip between the two processors took {} to {}. From one probe to the next it changed {moves} \
             times, {during} of them during one of the {} runs, which then counts for no ratio.",
            Unit::Time.write(low),
            Unit::Time.write(high),
            self.runs.len(),
        )
    }

    /// For a page, wide and narrow.
    pub fn inline(&self) -> Result<[String; 2], Box<dyn Error>> {
        Ok([self.svg(WIDE.width)?, self.svg(NARROW.width)?])
    }

    fn svg(&self, width: i32) -> Result<String, Box<dyn Error>> {
        let mut svg = String::new();
        let root = SVGBackend::with_string(&mut svg, (width as u32, HEIGHT as u32)).into_drawing_area();
        root.fill(&PAPER)?;
        let (right, bottom) = (width - MARGIN, HEIGHT - 3 * MARGIN);
        let span = span(self.runs.iter().flatten().copied());
        let plot = root.apply_coord_spec(Cartesian2d::<RangedCoordi32, LogCoord<f64>>::new(
            LEFT..right,
            span.clone().log_scale(),
            (LEFT..right, bottom..MARGIN),
        ));
        for tick in ticks(&span, 0.15) {
            plot.draw(&PathElement::new([(LEFT, tick), (right, tick)], GUIDE))?;
            let (x, y) = plot.map_coordinate(&(LEFT, tick));
            let label = Text::new(Unit::Time.write_round(tick), (x - 8, y), text(10.0, SOFT, HPos::Right));
            root.draw(&label)?;
        }
        // As many runs as there are for a pixel; each pixel from its least probe to its greatest.
        let runs_a_pixel = self.runs.len().div_ceil((right - LEFT) as usize).max(1);
        let pixels = self.runs.len().div_ceil(runs_a_pixel);
        let x = |pixel: usize| LEFT + ((right - LEFT) as usize * pixel / pixels.max(1)) as i32;
        let mut course = Vec::new();
        for (pixel, runs) in self.runs.chunks(runs_a_pixel).enumerate() {
            let (low, high) = extremes(runs);
            course.extend([(x(pixel), low), (x(pixel), high)]);
            if runs.iter().any(|probes| !same_regime(probes)) {
                let moved = [(x(pixel), span.start), (x(pixel), span.end)];
                plot.draw(&PathElement::new(moved, LIMIT.mix(0.45).stroke_width(1)))?;
            }
        }
        plot.draw(&PathElement::new(course, PEER.stroke_width(1)))?;
        let legend = "the probe, run after run; upright lines: it changed during a run";
        root.draw(&Text::new(
            legend,
            (LEFT, HEIGHT - MARGIN - 2),
            text(10.0, SOFT, HPos::Left),
        ))?;
        root.present()?;
        drop((plot, root));
        Ok(svg)
    }
}

fn extremes(runs: &[Vec<f64>]) -> (f64, f64) {
    let probes = runs.iter().flatten();
    probes.fold((f64::MAX, 0f64), |(low, high), &probe| {
        (low.min(probe), high.max(probe))
    })
}
